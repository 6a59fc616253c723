"""Several processes at once: on one cache, one folder of runs, one run. Real ones, some of them killed."""

import errno
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import RECIPE_TEXT, work_in
from filelock import FileLock
from processes import STAND_INS, ended, install, python, wait_until

import ganforge
from ganforge._io.locks import alone, in_turn
from ganforge.errors import RunError
from ganforge.training import checkpoint
from ganforge.training.run_checkpoints import newest_good
from ganforge.training.run_folder import CHECKPOINTS, check_folder_free


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed plugins: the stand-ins."""
    install(tmp_path / "site", "stand-ins", STAND_INS)
    return tmp_path / "site"


@pytest.fixture
def start(site: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts Python on a script or arguments; whatever is left at the end is killed."""
    started = []

    def begin(*arguments: str) -> "subprocess.Popen[str]":
        started.append(python(*arguments, site=site, GANFORGE_PLUGINS="stand-ins"))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


# The cache -----------------------------------------------------------------------------------------------------------

PREPARE = """
import sys, time
from pathlib import Path
import numpy as np
from ganforge.data.preparing import prepare

class Slow:
    fingerprint, class_names = "slow", ()
    def __len__(self):
        return 300
    def where(self, index):
        return str(index)
    def read(self, index):
        time.sleep(0.01)
        with reads.open("a") as file:
            file.write(f"{index}\\n")
        return np.full((4, 4, 1), index % 251, np.uint8)

reads = Path(sys.argv[1])
made = prepare(Slow(), name="slow", shape=(4, 4, 1), cache=Path(sys.argv[2]), waiting=lambda: print("waiting"))
print(int(made.images[:, 0, 0, 0].astype(int).sum()), made.from_cache)
"""
TOTAL = int((np.arange(300) % 251).sum())


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_one_prepares_and_the_others_wait(start: Any, tmp_path: Path) -> None:
    reads, cache = tmp_path / "reads", tmp_path / "prepared"
    answers = [ended(each) for each in [start("-c", PREPARE, str(reads), str(cache)) for _ in range(3)]]
    assert sorted(map(int, lines(reads))) == list(range(300)), "each image is read once"
    assert sorted(out for _, out, _ in answers)[0] == f"{TOTAL} False\n"
    assert {out.removeprefix("waiting\n") for _, out, _ in answers} == {f"{TOTAL} False\n", f"{TOTAL} True\n"}
    assert any(out.startswith("waiting\n") for _, out, _ in answers)
    assert len(list(cache.iterdir())) == 1, "no lock is left"


def test_who_waits_takes_over_from_one_that_is_killed(start: Any, tmp_path: Path) -> None:
    reads, cache = tmp_path / "reads", tmp_path / "prepared"
    builder = start("-c", PREPARE, str(reads), str(cache))
    wait_until(lambda: lines(reads))
    waiter = start("-c", PREPARE, str(reads), str(cache))
    assert waiter.stdout.readline() == "waiting\n"
    builder.kill()
    assert builder.wait() == -signal.SIGKILL
    assert ended(waiter)[1] == f"{TOTAL} False\n"
    (entry,) = cache.iterdir()
    assert entry.name.startswith("slow-"), "what the killed one left is gone"


# Numbers -------------------------------------------------------------------------------------------------------------

NUMBERS = """
import sys, time
from pathlib import Path
from ganforge.recipes.parsing import parse
from ganforge.training.run_folder import new_folder

recipe = parse({"name": f"r{sys.argv[1]}", "image_size": 8})
Path(f"ready-{sys.argv[1]}").touch()
while not Path("go").exists():
    time.sleep(0.001)
for _ in range(10):
    print(new_folder(recipe.with_run(backend="fake"), None))
"""


def test_eight_at_once_get_numbers_of_their_own(start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of recipes with different names, so that the folders alone would not collide."""
    monkeypatch.chdir(tmp_path)
    processes = [start("-c", NUMBERS, str(number)) for number in range(8)]
    wait_until(lambda: len(list(tmp_path.glob("ready-*"))) == 8)
    (tmp_path / "go").touch()
    folders = [line for each in processes for line in ended(each)[1].splitlines()]
    assert sorted(int(Path(folder).name[:5]) for folder in folders) == list(range(80))
    assert all(Path(folder).is_dir() for folder in folders)
    assert len(list((tmp_path / "runs").iterdir())) == 80, "no lock is left"


def test_one_folder_for_two_runs(start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work_in(tmp_path, monkeypatch)
    both = [start("-m", "ganforge", "train", "--recipe", "./r.toml", "--out", "mine") for _ in range(2)]
    answers = sorted(ended(each) for each in both)
    assert [code for code, _, _ in answers] == [0, 1]
    assert "already exists" in answers[1][2] or "is being trained by another process" in answers[1][2]
    journal = [json.loads(line)["step"] for line in lines(tmp_path / "mine" / "journal.jsonl")]
    assert journal == [2, 4, 6, 8, 10]


def test_a_run_that_another_process_did_meanwhile_is_not_trained_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began and ended between the look at the folder and the lock."""
    work_in(tmp_path, monkeypatch)

    def after_another(folder: Path, warn: Any) -> Any:
        (folder / "recipe.toml").write_text("another's")
        return alone(folder, warn)

    monkeypatch.setattr("ganforge.training.run_folder.alone", after_another)
    with pytest.raises(RunError, match="already exists"):
        ganforge.train("./r.toml", backend="fake", out="mine")
    assert (tmp_path / "mine" / "recipe.toml").read_text() == "another's"


# Readers beside a writer ---------------------------------------------------------------------------------------------

READ = """
import sys
from hashlib import sha256
from pathlib import Path
import ganforge
from ganforge.training.observers.journal import read

run, seen = Path(sys.argv[1]), set()
while len(seen) < 20:
    model = ganforge.load(run)
    steps = [int(line["step"]) for line in read(run)]
    assert steps == list(range(1, len(steps) + 1)), steps
    print(model.step, sha256(model.sample(4).tobytes()).hexdigest())
    seen.add(model.step)
"""
LONG = (
    RECIPE_TEXT.replace("steps = 10", "steps = 1000000")
    .replace("log_every = 2", "log_every = 1")
    .replace("checkpoint_every = 4", "checkpoint_every = 1\nkeep = 1\nsample_every = 1000000")
)


@pytest.fixture
def writer(start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "subprocess.Popen[str]":
    """Trains in `mine` for good, a checkpoint each step, of which one is kept."""
    work_in(tmp_path, monkeypatch)
    (tmp_path / "long.toml").write_text(LONG)
    process: subprocess.Popen[str] = start("-m", "ganforge", "train", "--recipe", "./long.toml", "--out", "mine")
    wait_until(lambda: list(Path("mine/checkpoints").glob("step-*")) or process.poll() is not None)
    return process


@pytest.mark.slow
def test_readers_beside_a_writer(writer: Any, start: Any, tmp_path: Path) -> None:
    """Checkpoints vanish under their hands all the time; what they see is always one whole step."""
    answers = [ended(each) for each in [start("-c", READ, "mine") for _ in range(2)]]
    assert writer.poll() is None, writer.communicate()
    writer.kill()
    seen: dict[int, str] = {}
    for code, out, err in answers:
        assert (code, err) == (0, "")
        found = [line.split() for line in out.splitlines()]
        assert [int(step) for step, _ in found] == sorted(int(step) for step, _ in found)
        for step, images in found:
            assert seen.setdefault(int(step), images) == images
    step = sorted(seen)[len(seen) // 2]
    undisturbed = ganforge.train("./long.toml", backend="fake", out="alone", overrides={"run": {"steps": step}})
    assert seen[step] == sha256(undisturbed.sample(4).tobytes()).hexdigest()


def test_a_run_in_training_is_not_resumed_and_one_that_was_killed_is(writer: Any, start: Any) -> None:
    code, _, err = ended(start("-m", "ganforge", "resume", "mine"))
    assert code == 1
    assert err == "Error: mine is being trained by another process; wait for it, or stop it first\n"
    writer.kill()
    writer.wait()
    run = ganforge.resume("mine", steps=ganforge.load("mine").step + 2)
    assert run.step == run.start + 2, "the lock went with the process"


def test_a_checkpoint_that_is_removed_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest that is there now is taken, and nobody is told of damage."""
    work_in(tmp_path, monkeypatch)
    folder = ganforge.train("./r.toml", backend="fake", out="mine").folder
    saved = checkpoint.checkpoints(folder / CHECKPOINTS)
    newest, newer = saved[-1], saved[-1].with_name("step-00000099")
    load = checkpoint.load

    def late(path: Path, *wanted: Any) -> Any:
        if path == newest and path.exists():
            newest.rename(newer)
        return load(path, *wanted)

    monkeypatch.setattr(checkpoint, "load", late)
    said: list[str] = []
    found = newest_good(folder, said.append)
    assert found is not None and found[0].step == 10
    assert said == []


def test_a_checkpoint_that_is_replaced_while_they_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one was listed and has gone, the new one came too late for the list: that is not a run without any."""
    old, new = tmp_path / "step-00000001", tmp_path / "step-00000002"
    old.mkdir()
    is_dir = Path.is_dir

    def late(self: Path) -> bool:
        if old.exists():
            old.rename(new)
        return is_dir(self)

    monkeypatch.setattr(Path, "is_dir", late)
    assert checkpoint.checkpoints(tmp_path) == [new]


# File systems without locks ------------------------------------------------------------------------------------------


def refusing(number: int, text: str) -> Callable[[FileLock], None]:
    def acquire(lock: FileLock) -> None:
        raise OSError(number, text)

    return acquire


def test_without_locks_it_works_and_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileLock, "_acquire", refusing(errno.ENOLCK, "No locks available"))
    said: list[str] = []
    with alone(tmp_path, said.append), alone(tmp_path, said.append):
        pass
    assert len(said) == 2 and "cannot be locked (No locks available)" in said[0]
    with in_turn(tmp_path / "lock") as one, in_turn(tmp_path / "lock") as other:
        assert not one and not other
    assert not list(tmp_path.iterdir())


def test_without_the_system_call_no_weaker_lock_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """filelock would take one that outlives a killed process."""
    fcntl = pytest.importorskip("fcntl")

    def missing(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", missing)
    said: list[str] = []
    with alone(tmp_path, said.append), in_turn(tmp_path / "lock") as locked:
        assert not locked
    assert len(said) == 1 and "cannot be locked (Function not implemented)" in said[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_to_needs_no_lock(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said: what is written first says it."""
    monkeypatch.setattr(FileLock, "_acquire", refusing(number, "no"))
    said: list[str] = []
    with alone(tmp_path, said.append):
        pass
    assert said == []


def test_a_lock_on_a_file_that_its_holder_has_removed_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was opened while another held it; a third has made a new one since."""
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "lock"
    flock = fcntl.flock
    opened: list[int] = []

    def late(descriptor: int, operation: int) -> None:
        if not opened:
            path.unlink()
            path.touch()
        opened.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with in_turn(path), path.open() as file, pytest.raises(BlockingIOError):
        flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert len(opened) == 2 + 1  # and once to release it


def test_a_lock_that_a_killed_process_left_is_no_run(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    with alone(folder, print):
        (left,) = folder.iterdir()
        check_folder_free(folder)
    assert not left.exists()


def test_a_lock_file_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError), in_turn(tmp_path / "nowhere" / "lock"):
        pass


def test_nothing_is_left_open(tmp_path: Path) -> None:
    with alone(tmp_path, print), in_turn(tmp_path / "lock"):
        before = os.dup(0)
        os.close(before)
    after = os.dup(0)  # the lowest number that is free
    os.close(after)
    assert after < before
