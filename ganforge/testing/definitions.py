"""Functions of docs/semantics.md that frameworks have too and compute otherwise."""

from typing import Any

import numpy

from ganforge.spec import random_streams
from ganforge.testing.differentiable import Tensor, np


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x))."""
    return np.logaddexp(np.zeros_like(x), x)


def dropout_mask(key: int, number: int, shape: tuple[int, ...], rate: float) -> Any:
    """A dropout mask, elements counted in batch, height, width, channels order."""
    return random_streams.dropout_mask(key, number, int(numpy.prod(shape)), rate).reshape(shape)


def pass_key(key: int, number: int) -> int:
    """Key of the dropout masks of one pass of an update."""
    return int(random_streams.hash32(numpy.array([(key + number) & 0xFFFFFFFF], dtype=numpy.uint64))[0])
