"""An update computed share by share, so that it takes less memory: its batch divided, the results put together."""

from collections.abc import Sequence
from functools import reduce
from operator import add, or_
from typing import NamedTuple, TypeVar

from ganforge.backend.feed import DiscriminatorFeed, GeneratorFeed
from ganforge.backend.runtime import Tensors
from ganforge.spec.ops import Ops

F = TypeVar("F", DiscriminatorFeed, GeneratorFeed)


class UpdateResult(NamedTuple):
    """What an update computes before it changes anything."""

    gradients: Tensors
    """Of the network's trained arrays, by their names in it, not clipped."""
    moved: Tensors
    """New values of arrays that no optimizer touches, by their names in a state."""
    scalars: Tensors


def divided(ops: Ops, batch: F, count: int) -> list[F]:
    """`count` equal shares of a batch, in consecutive rows."""
    if count == 1:
        return [batch]
    sizes = [batch.latents.shape[0] // count] * count
    columns = [[None] * count if each is None else ops.split(each, sizes, 0) for each in batch]
    return [type(batch)(*rows) for rows in zip(*columns, strict=True)]


def mean_of(results: Sequence[UpdateResult]) -> UpdateResult:
    """Means of gradients and scalars over the shares, and the newest value of every array that moved."""
    if len(results) == 1:
        return results[0]
    moved = reduce(or_, (each.moved for each in results))
    return UpdateResult(_mean([each.gradients for each in results]), moved, _mean([each.scalars for each in results]))


def _mean(shares: Sequence[Tensors]) -> Tensors:
    return {name: reduce(add, (each[name] for each in shares)) / len(shares) for name in shares[0]}
