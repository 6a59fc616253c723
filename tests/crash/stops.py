"""Ends a process before and after each of its operations on files, of which there are a few hundred in a short run."""

import io
import os
import signal
from collections.abc import Callable
from typing import Any

OPERATIONS = ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync")
"""Functions of `os`; pathlib and shutil call them there."""


def install(stop_at: int) -> Callable[[], int]:
    """Kill this process at moment `stop_at`: an even number 2n is before the operation number n, 2n + 1 after it.

    Opening a file for writing is an operation too, and so is closing one, when what it still holds is written. Returns
    a function that tells how many moments there were.
    """
    moments = 0

    def moment() -> None:
        nonlocal moments
        if moments == stop_at:
            os.kill(os.getpid(), signal.SIGKILL)
        moments += 1

    def around(inner: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            moment()
            found = inner(*args, **kwargs)
            moment()
            return found

        return wrapped

    for name in OPERATIONS:
        setattr(os, name, around(getattr(os, name)))
    opened = io.open

    def open_(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if not set(mode) & set("wax+"):
            return opened(file, mode, *args, **kwargs)
        made = around(opened)(file, mode, *args, **kwargs)
        return Closing(made, moment)

    io.open = open_  # type: ignore[assignment]
    return lambda: moments


class Closing:
    """A file whose closing, and every write to it, are operations."""

    def __init__(self, file: Any, moment: Callable[[], None]) -> None:
        self._file, self._moment = file, moment

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "Closing":
        return self

    def __exit__(self, *error: Any) -> None:
        self._moment()
        self._file.__exit__(*error)
        self._moment()

    def write(self, content: Any) -> int:
        """Half of it reaches the disk before the process ends."""
        written = self._file.write(content[: len(content) // 2])
        self._file.flush()
        self._moment()
        return int(written + self._file.write(content[len(content) // 2 :]))
