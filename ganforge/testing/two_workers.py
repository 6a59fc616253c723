"""A layer run by two workers, each on its half of a batch, as threads over NumPy."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, BrokenBarrierError
from typing import TypeVar

import numpy as np

from ganforge.spec.arrays import Array
from ganforge.spec.layers.contract import Replicas

T = TypeVar("T")
_COUNT, _PATIENCE = 2, 60.0


@dataclass(frozen=True, kw_only=True)
class _Worker:
    """See `ganforge.spec.layers.contract.Replicas`."""

    rank: int
    barrier: Barrier
    given: list[Array | None]
    count: int = _COUNT
    one_batch: bool = True

    def gather(self, x: Array) -> Array:
        """That of both."""
        self.given[self.rank] = x
        self.barrier.wait(_PATIENCE)
        everyone = np.stack([each for each in self.given if each is not None])
        self.barrier.wait(_PATIENCE)
        return everyone


@dataclass(frozen=True, kw_only=True)
class Halves:
    """Which rows each of the two takes."""

    rows: int
    barrier: Barrier = field(default_factory=lambda: Barrier(_COUNT))

    def run(self, work: Callable[[slice, Replicas], T]) -> list[T]:
        """What `work(rows, replicas)` gives for each half.

        Raises:
            Exception: what one of them raised.
        """
        given: list[Array | None] = [None] * _COUNT
        half = self.rows // _COUNT

        def one(rank: int) -> T:
            try:
                return work(
                    slice(rank * half, (rank + 1) * half), _Worker(rank=rank, barrier=self.barrier, given=given)
                )
            except BaseException:
                self.barrier.abort()  # so that the other does not wait for it
                raise

        with ThreadPoolExecutor(_COUNT) as pool:
            ended = [pool.submit(one, rank) for rank in range(_COUNT)]
        for each in ended:
            if (error := each.exception()) is not None and not isinstance(error, BrokenBarrierError):
                raise error
        return [each.result() for each in ended]
