"""A process that ends at each moment of writing: before and after every operation on files, and within every file."""

import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from crash import stops

from ganforge._io.files import append, sweep, write_whole
from ganforge.errors import WriteError
from ganforge.spec.arrays import State
from ganforge.training import checkpoint
from ganforge.training.checkpoint import About, checkpoints, load, prune, save

# Python 3.12 warns of a fork beside other threads, which pytest may have; the child does nothing but write files.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

ARRAYS: State = {name: np.random.default_rng(0).normal(size=(20, 30)) for name in ("a", "b")}


def about(step: int) -> About:
    return About(format=checkpoint.FORMAT, step=step, recipe={"name": "x"}, data="", seconds=0.5, sha256="")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoints of steps 1 and 2."""
    folder = tmp_path_factory.mktemp("good")
    for step in (1, 2):
        save(folder, ARRAYS, about(step))
    return folder


def in_a_process(action: Callable[[], object]) -> int:
    """The exit code of a process that does `action`; less than 0: the signal that ended it."""
    child = os.fork()
    if not child:
        try:
            action()
        except WriteError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def stopped_everywhere(action: Callable[[], object], before: Callable[[], object], check: Callable[[], object]) -> int:
    """Do `action` in a process that is killed at its first moment, its second, ...; `check` what it leaves each time.

    Returns the number of moments.
    """
    for stop_at in range(10_000):
        before()
        code = in_a_process(lambda stop_at=stop_at: (stops.install(stop_at), action()))
        check()
        if code == 0:
            return stop_at
        assert code == -signal.SIGKILL
    raise AssertionError("it never ends")


def test_a_checkpoint_written_by_a_process_that_is_stopped(good: Path, tmp_path: Path) -> None:
    """Whenever that is, there is a whole one; the next process writes its own and leaves nothing else."""
    found: set[tuple[int, ...]] = set()

    def before() -> None:
        shutil.rmtree(tmp_path)
        shutil.copytree(good, tmp_path)

    def save_and_prune(step: int) -> None:
        save(tmp_path, ARRAYS, about(step))
        prune(tmp_path, keep=2)

    def check() -> None:
        steps = tuple(load(path)[0].step for path in checkpoints(tmp_path))
        found.add(steps)
        save_and_prune(4)
        assert sorted(path.name for path in tmp_path.iterdir()) == [f"step-0000000{steps[-1]}", "step-00000004"]

    moments = stopped_everywhere(lambda: save_and_prune(3), before, check)
    assert moments > 25
    assert found == {(1, 2), (1, 2, 3), (2, 3)}


def test_a_file_written_by_a_process_that_is_stopped(tmp_path: Path) -> None:
    """The old content or the new one."""
    path = tmp_path / "file"
    old, new = b"old" * 1000, b"new" * 2000
    found: set[bytes] = set()

    def check() -> None:
        found.add(path.read_bytes())
        sweep(tmp_path)
        assert list(tmp_path.iterdir()) == [path]

    stopped_everywhere(lambda: write_whole(path, new), lambda: path.write_bytes(old), check)
    assert found == {old, new}


# Within a file: the kernel ends the process, or refuses, at the first byte beyond a limit -----------------------------


def limited(size: int, action: Callable[[], object], *, killed: bool) -> int:
    def act() -> None:
        if killed:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python gets an error otherwise
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        action()

    return in_a_process(act)


@pytest.mark.crash
@pytest.mark.parametrize("killed", [True, False], ids=["killed", "refused"])
def test_a_checkpoint_that_ends_within_a_byte(killed: bool, tmp_path: Path) -> None:
    first = save(tmp_path, ARRAYS, about(1))
    whole = (first / checkpoint.STATE).stat().st_size
    ends = sorted({*range(0, whole, 137), *range(whole - 3, whole + 1), 1, 7, 8, 9})
    expected = -signal.SIGXFSZ if killed else 1
    for size in ends:
        code = limited(size, lambda: save(tmp_path, ARRAYS, about(2)), killed=killed)
        if size >= whole:
            assert (code, [load(path)[0].step for path in checkpoints(tmp_path)]) == (0, [1, 2])
        else:
            assert (code, checkpoints(tmp_path)) == (expected, [first])
            assert load(first)[0].step == 1
            assert killed or list(tmp_path.iterdir()) == [first]


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "refused"])
def test_a_file_that_ends_within_a_byte(killed: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    for size in range(0, 300, 23):
        code = limited(size, lambda: write_whole(path, bytes(300)), killed=killed)
        assert code == (-signal.SIGXFSZ if killed else 1)
        assert path.read_bytes() == b"old"


def test_what_is_added_may_end_within_a_byte_but_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for size in range(100, 200, 9):
        path.write_bytes(bytes(100))
        assert limited(size, lambda: append(path, b"x" * 100), killed=False) == 1
        assert path.read_bytes() == bytes(100) + b"x" * (size - 100)
