"""What the environment tells a process of the others; JAX is not needed to read it.

JAX_COORDINATOR_ADDRESS=host:port is JAX's own variable. It has none for the number of processes and for which of them
this is: those are named here as the arguments of `jax.distributed.initialize` that they become.
"""

import os

from ganforge.backend import Shard
from ganforge.errors import RunError

_ADDRESS, _COUNT, _RANK = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"


def started() -> int:
    """How many workers there are; 1 where nothing is said of any.

    Raises:
        RunError: a variable is missing or wrong.
    """
    return shard().count


def shard() -> Shard:
    """The place of this process among the workers.

    Raises:
        RunError: see `started`.
    """
    count = _number(_COUNT, os.environ.get(_COUNT, "1"))
    if count == 1:
        return Shard()
    missing = [name for name in (_ADDRESS, _RANK) if not os.environ.get(name)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise RunError(
            f"{_COUNT} says that there are {count} workers, but {' and '.join(missing)} {verb} not set; see "
            f"docs/scaling.md, or unset {_COUNT} to train alone"
        )
    rank, (host, _, port) = _number(_RANK, os.environ[_RANK]), address().rpartition(":")
    if not 0 <= rank < count:
        raise RunError(f"{_RANK} is {rank}, but {_COUNT} is {count}: ranks are 0 to {count - 1}")
    if not host or not port.isdecimal():
        raise RunError(f"the environment variable {_ADDRESS} is {address()!r}, which is no host:port of worker 0")
    return Shard(rank=rank, count=count)


def address() -> str:
    """Where worker 0 is found, as host:port."""
    return os.environ[_ADDRESS]


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or (name == _COUNT and not int(text)):
        raise RunError(f"the environment variable {name} is {text!r}, which is no such number; see docs/scaling.md")
    return int(text)
