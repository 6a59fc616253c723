"""Work that takes too long is named while it still goes on, by a thread of its own.

Nothing is stopped: Python cannot stop a thread, and what is slow may be well. It is said, so that people can decide.
Work that never lets go of the interpreter's lock keeps that thread from running too, and is not named.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from os import getpid
from threading import Thread
from time import monotonic, sleep
from weakref import ref

_LOOKS = 0.25
"""Seconds from one look to the next."""


@dataclass(kw_only=True, eq=False, slots=True)
class Work:
    """Work that goes on while this is open. No generator: every step of a small GAN asks for one."""

    seconds: float
    line: Callable[[], str]
    among: "set[Work]"
    ends: float = 0.0
    """When patience does, by the monotonic clock."""

    def __enter__(self) -> "Work":
        self.again()
        return self

    def __exit__(self, *error: object) -> None:
        self.among.discard(self)

    def again(self) -> None:
        """Another piece of work begins, which has as many seconds."""
        self.ends = monotonic() + self.seconds
        self.among.add(self)


@dataclass(kw_only=True)
class Patience:
    """With work on any thread of this process. Costs a microsecond for each piece."""

    say: Callable[[str], None]
    """Takes a line meant for the user; called on another thread."""
    _works: set[Work] = field(default_factory=set, init=False)
    _looking_in: int | None = field(default=None, init=False)
    """The process whose thread looks."""

    def during(self, seconds: float, line: Callable[[], str]) -> Work:
        """Say `line()` once if a piece of what is done while this is open takes more than so many seconds."""
        if self._looking_in != getpid():  # a fork of the process that the thread was begun in has none
            self._looking_in = getpid()
            Thread(target=_look, args=(ref(self),), name="ganforge-patience", daemon=True).start()
        return Work(seconds=seconds, line=line, among=self._works)

    def say_overdue(self) -> None:
        """Say once what has taken too long."""
        for work in list(self._works):
            if monotonic() > work.ends:
                self._works.discard(work)
                self.say(work.line())


def _look(of: "ref[Patience]") -> None:
    """Again and again, until nobody has that patience any more."""
    while (patience := of()) is not None:
        patience.say_overdue()
        del patience  # it may go while this thread sleeps
        sleep(_LOOKS)
