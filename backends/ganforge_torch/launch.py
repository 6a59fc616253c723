"""What torchrun tells a process of the others, by environment variables; torch is not needed to read them."""

import os

from ganforge.errors import RunError

_COUNT = "WORLD_SIZE"
_REST = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def started() -> int:
    """How many workers there are; 1 where nothing is said of any.

    Raises:
        RunError: a variable is missing or wrong.
    """
    count = _number(_COUNT, os.environ.get(_COUNT, "1"))
    if count == 1:
        return 1
    missing = [name for name in _REST if name not in os.environ]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise RunError(
            f"{_COUNT} says that there are {count} workers, but {', '.join(missing)} {verb} not set; start them with "
            f"torchrun, which sets all of these, or unset {_COUNT}"
        )
    if not 0 <= rank() < count:
        raise RunError(f"RANK is {rank()}, but {_COUNT} is {count}: ranks are 0 to {count - 1}")
    return count


def rank() -> int:
    """Which of all workers this is."""
    return _number("RANK", os.environ["RANK"])


def local_rank() -> int:
    """Which of this machine's workers this is: the number of its GPU."""
    return _number("LOCAL_RANK", os.environ["LOCAL_RANK"])


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise RunError(f"the environment variable {name} is {text!r}, which is no whole number; torchrun sets it")
    return int(text)
