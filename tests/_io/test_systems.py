"""Trainings as on Windows and macOS, with what these systems lack taken away; and in a process that was spawned."""

import subprocess
import sys
from pathlib import Path

import pytest
from fakes import work_in
from processes import STAND_INS, ended, install, python
from tiers import few

from ganforge._io import machine

WITHOUT_POSIX = """
import os, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("fork", "forkpty", "killpg", "register_at_fork", "sched_getaffinity", "sysconf", "sysconf_names"):
    if name in vars(os):
        delattr(os, name)
"""
WINDOWS = """
import click, filelock, msgspec, numpy, PIL.Image, platformdirs, pluggy, pooch, requests, rich.live, safetensors.numpy
import importlib.metadata, multiprocessing, sklearn, subprocess, uuid  # which ask for the true system
import os, sys
sys.modules["resource"] = None
del os.sysconf, os.sysconf_names, os.register_at_fork
open_posix, fsync_posix, writable = os.open, os.fsync, set()

def open_windows(path, flags, *given, **named):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    descriptor = open_posix(path, flags, *given, **named)
    (writable.add if flags & (os.O_RDWR | os.O_WRONLY) else writable.discard)(descriptor)
    return descriptor

def fsync_windows(descriptor):
    import fcntl
    if not fcntl.fcntl(descriptor, fcntl.F_GETFL) & (os.O_RDWR | os.O_WRONLY):
        raise OSError(9, "Bad file descriptor")
    fsync_posix(descriptor)

os.open, os.fsync, sys.platform = open_windows, fsync_windows, "win32"
"""
MACOS = """
import os, sys
os.sysconf_names.pop("SC_AVPHYS_PAGES")
sysconf = os.sysconf
os.sysconf = lambda name: sysconf(name) if name in os.sysconf_names else sysconf("SC_NONE")
import click, filelock, msgspec, numpy, PIL.Image, platformdirs, pluggy, pooch, requests, rich.live, safetensors.numpy
sys.platform = "darwin"
"""
SYSTEMS = {"without POSIX": WITHOUT_POSIX, "Windows": WINDOWS, "macOS": MACOS}
TRAIN = """
import ganforge
from ganforge.backend import host_memory
run = ganforge.train("./r.toml", out="run", steps=4)
run = ganforge.resume("run", steps=6)
assert ganforge.load("run").sample(2).shape[0] == 2
print(run.step, host_memory()[0] is None, host_memory()[1] is None)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    work_in(tmp_path, monkeypatch)
    install(tmp_path / "site", "stand-ins", STAND_INS)
    return tmp_path / "site"


@pytest.mark.parametrize("system", few(SYSTEMS, {"without POSIX", "Windows"}))
def test_a_run_trains_and_resumes(system: str, site: Path) -> None:
    plugins = "stand-ins,-ganforge.training.observers.watch,-ganforge.training.observers.tensorboard"
    code, out, err = ended(python("-c", SYSTEMS[system] + TRAIN, site=site, GANFORGE_PLUGINS=plugins))
    assert code == 0, err
    assert ("cannot be locked on this system" in err) == (system == "without POSIX")
    assert out.split() == ["6", str(system != "macOS"), "True"]


SPAWNED = """
import multiprocessing, sys

def trains(folder):
    import ganforge
    ganforge.train("digits", backend="numpy", steps=1, overrides={"width": 2, "training.batch_size": 4}, out=folder)

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=trains, args=[sys.argv[1]])
    process.start()
    process.join()
    sys.exit(process.exitcode)
"""


@pytest.mark.slow
def test_a_spawned_process_trains(tmp_path: Path) -> None:
    """It knows nothing of its parent."""
    script, run = tmp_path / "script.py", tmp_path / "run"
    script.write_text(SPAWNED, encoding="utf-8")
    done = subprocess.run([sys.executable, script, run], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert list((run / "checkpoints").glob("step-*"))


def test_a_system_says_its_memory_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (machine.physical_memory() or 0) > 2**28
    assert (machine.peak_memory() or 0) > 2**20
    monkeypatch.delattr("os.sysconf")
    monkeypatch.setitem(sys.modules, "resource", None)
    found = (machine.physical_memory(), machine.free_memory(), machine.memory_limit(), machine.peak_memory())
    assert found == (None,) * 4
