"""Writing files so that a reader, or a crash, sees the old one or the new one and nothing between."""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from ganforge.errors import WriteError

PARTIAL = ".partial"
"""How the hidden name of what is not complete ends."""


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` by way of a temporary name; flushed to the disk before it takes its place.

    Raises:
        WriteError: it cannot be written; what was there is untouched.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        flush(path.parent)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise WriteError(f"{path} cannot be written: {error.strerror}") from error


def append(path: Path, content: bytes) -> None:
    """Add `content` to the end of a file. A crash may leave a part of it there, for the reader to leave out.

    Raises:
        WriteError: it cannot be written, or a part of it alone.
    """
    try:
        with path.open("ab") as file:
            file.write(content)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror}") from error


def flush_files(folder: Path) -> None:
    """Flush the files that lie in `folder` itself, to which others have added, to the disk.

    Raises:
        WriteError: one does not reach it.
    """
    try:
        for path in folder.iterdir():
            if path.is_file():
                flush(path)
    except OSError as error:
        raise WriteError(f"{folder} cannot be written: {error.strerror}") from error


def sweep(folder: Path) -> None:
    """Remove what killed processes have left unfinished below `folder`, in which nobody else may be writing."""
    for left in list(folder.rglob(f".*{PARTIAL}")):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with suppress(OSError):
                left.unlink()


def flush(path: Path) -> None:
    """Flush a file, or a folder's own entries, such as a rename in it, to the disk.

    Windows opens no folders, and flushes only files that are open for writing.
    """
    windows = sys.platform == "win32"
    if windows and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def redirect_to_devnull(stream: TextIO) -> None:
    """Redirect a closed stream to /dev/null: what is left in its buffer would fail at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
