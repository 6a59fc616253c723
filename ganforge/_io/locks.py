"""Locks between processes, by filelock: each ends with its process, killed or not.

Not every file system has them (some network mounts have none). What they guard is then only as safe as files written
whole make it, and whoever asked for a lock is told. A lock file is removed while it is still held: filelock sees that
the file it has opened is gone, and takes the next one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EROFS
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout, UnixFileLock, WindowsFileLock

from ganforge.errors import RunError

LOCK = ".lock"
"""How the name of a lock file ends."""
_SOFT = not issubclass(FileLock, UnixFileLock | WindowsFileLock)
"""Whether this system has no locks of its own: what filelock has for it would outlive a process that is killed."""


@contextmanager
def alone(folder: Path, warn: Callable[[str], None]) -> Iterator[None]:
    """Hold a folder against other processes that want it alone.

    `warn` is given a line where the file system has no locks. A folder that cannot be written to is not locked: what
    is written first says so.

    Raises:
        RunError: another process holds it.
    """
    if _SOFT:
        warn(f"{folder} cannot be locked on this system; see that no other process trains it at the same time")
        yield
        return
    path = folder / f".training{LOCK}"
    lock = FileLock(path, mode=0o666, fallback_to_soft=False)  # whoever may write to the folder may lock it
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RunError(f"{folder} is being trained by another process; wait for it, or stop it first") from error
    except OSError as error:
        if error.errno not in (EACCES, EROFS):
            warn(f"{folder} cannot be locked ({error.strerror}); see that no other process trains it at the same time")
            _remove(path)
    with _released(lock, path):
        yield


@contextmanager
def in_turn(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Hold a lock file that whoever holds it makes and removes; where another process has it, wait.

    `waiting` is called once if there is a wait. Gives whether the lock could be had: False where the file system has
    none.

    Raises:
        OSError: the file cannot be made.
    """
    if _SOFT:
        yield False
        return
    path.touch()
    lock = FileLock(path, fallback_to_soft=False)
    try:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            waiting()
            lock.acquire()
    except OSError:
        _remove(path)
    with _released(lock, path):
        yield lock.is_locked


@contextmanager
def _released(lock: BaseFileLock, path: Path) -> Iterator[None]:
    """Remove and release at the end a lock that is held."""
    try:
        yield
    finally:
        if lock.is_locked:
            _remove(path)
            lock.release()


def _remove(path: Path) -> None:
    with suppress(OSError):  # Windows removes no file that is open; there filelock does it as it releases the lock
        path.unlink()
