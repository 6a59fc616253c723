"""A watchdog: warns about work that takes too long, from a thread of its own, while the work still goes on.

Nothing is stopped: Python cannot stop a thread, and slow is not necessarily broken. The user is told and can decide.
Work that never releases the interpreter's lock also blocks the watchdog's thread, and is not reported.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from os import getpid
from threading import Thread
from time import monotonic, sleep
from weakref import ref

_INTERVAL = 0.25
"""Seconds from one check to the next."""


@dataclass(kw_only=True, eq=False, slots=True)
class WatchedWork:
    """Work that is watched while this context is open. A class, not a generator: it is entered at every step."""

    seconds: float
    message: Callable[[], str]
    active: "set[WatchedWork]"
    deadline: float = 0.0
    """By the monotonic clock."""

    def __enter__(self) -> "WatchedWork":
        self.restart()
        return self

    def __exit__(self, *error: object) -> None:
        self.active.discard(self)

    def restart(self) -> None:
        """The next piece of work begins and has the full time again."""
        self.deadline = monotonic() + self.seconds
        self.active.add(self)


@dataclass(kw_only=True)
class Watchdog:
    """Watches work on any thread of this process. Costs about a microsecond for each piece of work."""

    warn: Callable[[str], None]
    """Called with a line for the user, on the watchdog's thread."""
    _active: set[WatchedWork] = field(default_factory=set, init=False)
    _process: int | None = field(default=None, init=False)
    """The process in which the thread runs."""

    def watch(self, seconds: float, message: Callable[[], str]) -> WatchedWork:
        """Warn with `message()` once if a piece of the work in this context takes longer than `seconds`."""
        if self._process != getpid():  # threads do not survive a fork
            self._process = getpid()
            Thread(target=_check_often, args=(ref(self),), name="ganforge-watchdog", daemon=True).start()
        return WatchedWork(seconds=seconds, message=message, active=self._active)

    def check(self) -> None:
        """Warn once about each piece of work past its deadline."""
        for work in list(self._active):
            if monotonic() > work.deadline:
                self._active.discard(work)
                self.warn(work.message())


def _check_often(of: "ref[Watchdog]") -> None:
    """Check until the watchdog is garbage-collected."""
    while (watchdog := of()) is not None:
        watchdog.check()
        del watchdog  # it may be collected while this thread sleeps
        sleep(_INTERVAL)
