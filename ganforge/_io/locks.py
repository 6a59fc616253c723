"""Locks between the processes of a machine. Each belongs to an open file, so it ends with its process, killed or not.

Not every file system has them (some network mounts have none). What they guard is then only as safe as files written
whole make it, and whoever asked for a lock is told.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganforge.errors import RunError


@contextmanager
def alone(folder: Path, warn: Callable[[str], None]) -> Iterator[None]:
    """Hold a folder against other processes that want it alone.

    `warn` is given a line where the file system has no locks.

    Raises:
        RunError: another process holds it.
    """
    with _opened(folder, os.O_RDONLY) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"{folder} is being trained by another process; wait for it, or stop it first") from error
        except OSError as error:
            warn(f"{folder} cannot be locked ({error.strerror}); see that no other process trains it at the same time")
        yield


@contextmanager
def in_turn(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Hold a lock file that whoever holds it makes and removes; where another process has it, wait.

    `waiting` is called once if there is a wait. Gives whether the lock could be had: False where the file system has
    none.

    Raises:
        OSError: the file cannot be made.
    """
    tell = iter([waiting])  # the wait may go on at another process's file, but that is the same wait
    while True:
        with _opened(path, os.O_RDWR | os.O_CREAT) as descriptor:
            locked = _wait_for(descriptor, tell)
            if locked and not _is_at(descriptor, path):
                continue  # whoever had it has removed it: that file is no longer the one that others look at
            try:
                yield locked
            finally:
                with suppress(OSError):
                    path.unlink()
            return


def _wait_for(descriptor: int, tell: Iterator[Callable[[], None]]) -> bool:
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            for each in tell:
                each()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
