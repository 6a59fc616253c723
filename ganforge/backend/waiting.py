"""Waiting for other processes inside a framework that gives Python no turn meanwhile."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


@contextmanager
def waiting_for_others(line: str) -> Iterator[None]:
    """Print `line` to stderr; while open, Ctrl-C and SIGTERM end the process at once.

    A framework may wait without end for workers that do not come, and Python, which would hear of a signal or say later
    what takes so long, has no turn meanwhile.
    """
    signals = (signal.SIGINT, signal.SIGTERM) if current_thread() is main_thread() else ()
    before = {each: signal.signal(each, signal.SIG_DFL) for each in signals}
    print(line, file=sys.stderr, flush=True)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
