"""Writing files so that a reader, or a crash, sees the old one or the new one and nothing between."""

import os
from contextlib import suppress
from pathlib import Path

from ganforge.errors import RunError


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` by way of a temporary name; flushed to the disk before it takes its place.

    Raises:
        RunError: it cannot be written; what was there is untouched.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise RunError(f"{path} cannot be written: {error.strerror}") from error


def expanded(path: Path | str) -> Path:
    """A path as a person writes it, `~` being the home folder; one of a user who is not known stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def flush_folder(path: Path) -> None:
    """Flush a folder's own entries, such as a rename in it, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
