"""A disk that fills up while a run writes, a folder that is read-only: told, nothing lost, resumed exactly."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crash.campaign import images, train
from crash.ends import differences, end_of, left_over
from crash.processes import Ended, Zygote, zygote

from ganforge.training import checkpoint

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="tmpfs, and the timers of the zygote, are Linux's"),
    pytest.mark.timeout(600),
]

SIZE = 1 << 20
STEPS = ("--steps", "9", "--sample-every", "4")

Ganforge = Callable[..., Ended]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    images(folder / "images")
    return folder


@pytest.fixture(scope="module")
def forking(place: Path) -> Iterator[Zygote]:
    with zygote("torch", place) as made:
        yield made


@pytest.fixture
def ganforge(place: Path, forking: Zygote) -> Ganforge:
    """The command line, in a process."""
    return lambda *arguments: forking.run(*arguments, environment={"GANFORGE_CACHE": str(place / "cache")})


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"no small disk can be made: {error}")
    if done.returncode:
        pytest.skip(f"no small disk can be made: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def whole(place: Path, forking: Zygote) -> Path:
    """A run that always had room."""
    run = place / "whole"
    ended = forking.run(*train(place, "torch", run), *STEPS, environment={"GANFORGE_CACHE": str(place / "cache")})
    assert ended.code == 0, ended.output
    return run


def fill(disk: Path, free: int) -> Path:
    """A file that leaves `free` bytes of a disk."""
    filler = disk / "filler"
    state = os.statvfs(disk)
    with filler.open("wb") as file:
        file.write(bytes(state.f_bavail * state.f_frsize - free))
    return filler


def exact(run: Path, whole: Path) -> None:
    """`whole` may lie elsewhere; where images lie and the run lies is in no file but these."""
    assert differences(end_of(run), end_of(whole)) == []
    assert left_over(run) == []


@pytest.mark.crash
@pytest.mark.parametrize("free", [0, 24 << 10, 64 << 10, 128 << 10])
def test_a_run_that_fills_the_disk(free: int, disk: Path, place: Path, whole: Path, ganforge: Ganforge) -> None:
    run = disk / "run"
    filler = fill(disk, free)
    ended = ganforge(*train(place, "torch", run), *STEPS)
    assert ended.code == 1
    said = ended.output.splitlines()[-1]
    assert re.match(r"Error: .*(cannot be written|can be made).*: No space left on device", said), ended.output
    assert "Traceback" not in ended.output
    for path in checkpoint.checkpoints(run / "checkpoints"):
        checkpoint.load(path)

    if (run / "recipe.toml").exists():  # again, since it is tried again before there is room
        again = ganforge("resume", str(run))
        assert again.code == 1 and "No space left on device" in again.output, again.output
    filler.unlink()
    begun = (run / "recipe.toml").exists()
    ended = ganforge("resume", str(run)) if begun else ganforge(*train(place, "torch", run), *STEPS)
    assert ended.code == 0, ended.output
    exact(run, whole)


@pytest.mark.crash
def test_a_folder_that_is_read_only(disk: Path, place: Path, whole: Path, ganforge: Ganforge) -> None:
    run = disk / "run"
    assert ganforge(*train(place, "torch", run), *STEPS, "--steps", "5").code == 0
    held = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for arguments in (["resume", str(run), "--steps", "9"], train(place, "torch", disk / "other")):
        ended = ganforge(*arguments)
        assert ended.code == 1 and "Traceback" not in ended.output
        assert ended.output.splitlines()[-1].endswith("Read-only file system"), ended.output
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == held
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert ganforge("resume", str(run), "--steps", "9").code == 0
    ours, theirs = end_of(run), end_of(whole)
    assert [name for name in differences(ours, theirs) if name not in ENDS_AT_FIVE] == []


ENDS_AT_FIVE = ("event values", "file samples/step-00000005.png", "recipe of the checkpoint")
"""What a run that first was to end there leaves in addition."""
