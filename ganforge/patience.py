"""Work that takes too long is named while it still goes on, by a thread of its own.

Nothing is stopped: Python cannot stop a thread, and what is slow may be well. It is said, so that people can decide.
Work that never lets go of the interpreter's lock keeps that thread from running too, and is not named.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic, sleep
from weakref import ref

_LOOKS = 0.25
"""Seconds from one look to the next."""


@dataclass(kw_only=True, eq=False, slots=True)
class _Work:
    """Work that goes on while this is open. No generator: a step of a small GAN asks for five of them."""

    line: Callable[[], str]
    ends: float
    """When patience does, by the monotonic clock."""
    among: "set[_Work]"

    def __enter__(self) -> None:
        self.among.add(self)

    def __exit__(self, *error: object) -> None:
        self.among.discard(self)


@dataclass(kw_only=True)
class Patience:
    """With work on any thread of this process. Costs a microsecond or two for each piece."""

    say: Callable[[str], None]
    """Takes a line meant for the user; called on another thread."""
    _works: set[_Work] = field(default_factory=set, init=False)
    _thread: Thread | None = field(default=None, init=False)

    def during(self, seconds: float, line: Callable[[], str]) -> AbstractContextManager[None]:
        """Say `line()` once if what is done while this is open takes more than so many seconds."""
        if self._thread is None or not self._thread.is_alive():  # in a fork of the process that it was begun in
            self._thread = Thread(target=_look, args=(ref(self),), name="ganforge-patience", daemon=True)
            self._thread.start()
        return _Work(line=line, ends=monotonic() + seconds, among=self._works)

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
