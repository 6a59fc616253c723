"""Several processes that train one GAN: starting together, sharing a value, stopping together.

The sums inside a step are the backend's. Everything here is a sum of a small array over all workers, which returns when
every worker has called it. When a worker dies, the next sum of the others raises.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256

import msgspec
import numpy as np

from ganforge.backend.contract import BackendEntry, Workers
from ganforge.errors import RunError
from ganforge.plugins.host import Host
from ganforge.recipes.schema import Recipe
from ganforge.spec.arrays import Array

SINGLE_PROCESS = Workers()
"""A process that trains by itself."""


def gather(backend: BackendEntry, host: Host) -> Workers:
    """Connect to the other processes that the environment names; `SINGLE_PROCESS` if it names none.

    Raises:
        RunError: the environment is malformed or meant for another backend, or the others cannot be reached.
    """
    support = backend.distributed
    if support is not None and support.started() > 1:
        return support.join()
    for name, provided in host.entries("ganforge_backends", BackendEntry).items():
        other = provided.entry.distributed
        if other is not None and name != backend.name and other.started() > 1:
            raise RunError(
                f"this process was started as one of {other.started()} workers of backend {name!r}, but is to train "
                f"with {backend.name!r}; take --backend {name}, or see docs/scaling.md for how workers of "
                f"{backend.name!r} are started"
            )
    return SINGLE_PROCESS


def anyone(workers: Workers, asked: bool) -> bool:
    """Whether `asked` is true on any worker."""
    if workers.shard.count == 1:  # asked after every step, however short
        return asked
    return bool(workers.total(np.array([float(asked)]))[0])


def wait_for_all(workers: Workers) -> None:
    """Return when every worker has called this."""
    workers.total(np.zeros(1))


def from_first(workers: Workers, make: Callable[[], str]) -> str:
    """The result of `make()` on worker 0, on every worker; the others do not call it."""
    own = np.frombuffer(make().encode() if workers.shard.rank == 0 else b"", np.uint8).astype(np.float64)
    length = int(workers.total(np.array([float(len(own))]))[0])
    return _bytes(workers.total(np.pad(own, (0, length - len(own))))).decode()


def check_same_facts(workers: Workers, facts: Mapping[str, str]) -> None:
    """Check that all workers have the same facts.

    Raises:
        RunError: a fact, such as 'recipe', differs on some worker from worker 0.
    """
    rank, count = workers.shard.rank, workers.shard.count
    for name, fact in facts.items():
        own = np.zeros((count, 32))
        own[rank] = np.frombuffer(sha256(fact.encode()).digest(), np.uint8)
        digests = workers.total(own)
        other = np.flatnonzero((digests != digests[0]).any(axis=1))
        if len(other):
            raise RunError(
                f"worker {other[0]} of {count} has another {name} than worker 0; start all of them with the same "
                "command, on the same data and run folder"
            )


def check_same_inputs(workers: Workers, recipe: Recipe, images_hash: str, start: int) -> None:
    """Check that all workers train the same run. Called before any of them writes a file.

    Raises:
        RunError: recipe, images or checkpoint differ on some worker from worker 0.
    """
    facts = {"recipe": _common(recipe), "set of images": images_hash, "checkpoint": str(start)}
    check_same_facts(workers, facts)


def _common(recipe: Recipe) -> str:
    """The part of a recipe that must be the same on all workers: all but the path of the data and the device."""
    data = msgspec.structs.replace(recipe.data, path=None)
    run = msgspec.structs.replace(recipe.run, device="")
    return msgspec.json.encode(msgspec.structs.replace(recipe, data=data, run=run)).decode()


def _bytes(values: Array) -> bytes:
    return values.astype(np.uint8).tobytes()
