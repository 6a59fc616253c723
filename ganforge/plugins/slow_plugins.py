"""Warns about work that takes too long, from a thread of its own, while the work still goes on.

Nothing is stopped: Python cannot stop a thread, and slow is not necessarily broken. The user is told and can decide.
Work that never releases the interpreter's lock also blocks this thread, and is not reported.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from os import getpid
from threading import Thread
from time import monotonic, sleep
from typing import Self

_INTERVAL = 0.25
"""Seconds from one check to the next."""

_active: set["SlowWork"] = set()


@dataclass(eq=False, slots=True)
class SlowWork:
    """Calls `report` once, on another thread, if a piece of the work in this context takes more than `seconds`.

    A class, not a generator: it is entered at every step.
    """

    seconds: float
    report: Callable[[], None]
    deadline: float = field(default=0.0, init=False)
    """By the monotonic clock."""

    def __enter__(self) -> Self:
        _watch(getpid())
        self.restart()
        return self

    def __exit__(self, *error: object) -> None:
        _active.discard(self)

    def restart(self) -> None:
        """The next piece of work begins and has the full time again."""
        self.deadline = monotonic() + self.seconds
        _active.add(self)


@cache
def _watch(process: int) -> None:
    """Start the thread, once in a process: threads do not survive a fork."""
    Thread(target=_check_often, name="ganforge-slow-plugins", daemon=True).start()


def _check_often() -> None:
    while True:
        sleep(_INTERVAL)
        for each in list(_active):
            if monotonic() > each.deadline:
                _active.discard(each)
                each.report()
