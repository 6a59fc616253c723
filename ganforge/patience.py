"""Work that takes too long is named while it still goes on, by a thread of its own.

Nothing is stopped: Python cannot stop a thread, and slow is not necessarily broken. It is said, so that people can
decide. Work that never lets go of the interpreter's lock keeps that thread from running too, and is not named.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from os import getpid
from threading import Thread
from time import monotonic, sleep
from typing import Self

_LOOKS = 0.25
"""Seconds from one look to the next."""

_going_on: set["Patience"] = set()


@dataclass(eq=False, slots=True)
class Patience:
    """Calls `name` once, on another thread, if a piece of what is done while this is open takes too many seconds.

    No generator: every step of a small GAN opens one.
    """

    seconds: float
    name: Callable[[], None]
    ends: float = field(default=0.0, init=False)
    """When it does, by the monotonic clock."""

    def __enter__(self) -> Self:
        _watch(getpid())
        self.again()
        return self

    def __exit__(self, *error: object) -> None:
        _going_on.discard(self)

    def again(self) -> None:
        """Another piece begins, which has as many seconds."""
        self.ends = monotonic() + self.seconds
        _going_on.add(self)


@cache
def _watch(process: int) -> None:
    """Begin the thread, once in a process: a fork of one that has it has none."""
    Thread(target=_look, name="ganforge-patience", daemon=True).start()


def _look() -> None:
    while True:
        sleep(_LOOKS)
        for each in list(_going_on):
            if monotonic() > each.ends:
                _going_on.discard(each)
                each.name()
