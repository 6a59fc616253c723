"""Functions of docs/semantics.md that frameworks have too and compute otherwise."""

from typing import Any

import numpy

from ganforge.spec import random_streams
from ganforge.testing.differentiable import Tensor, getval, np


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x))."""
    return np.logaddexp(np.zeros_like(x), x)


def dropout_mask(key: int, number: int, shape: tuple[int, ...], rate: float) -> Any:
    """A dropout mask, elements counted in batch, height, width, channels order."""
    return random_streams.dropout_mask(key, number, int(numpy.prod(shape)), rate).reshape(shape)


def spectral(kernel: Tensor, u: Tensor, transposed: bool) -> tuple[Tensor, Tensor, Tensor]:
    """A kernel over sigma after one power iteration; the new u and sigma."""
    rows = np.moveaxis(kernel, -2, 0) if transposed else np.moveaxis(kernel, -1, 0)
    matrix = np.reshape(rows, (len(rows), -1))
    v = unit(numpy.dot(getval(matrix).T, getval(u)))
    u = unit(numpy.dot(getval(matrix), v))
    sigma = np.dot(u, np.dot(matrix, v))
    return kernel / sigma, u, np.reshape(sigma, (1,))


def unit(x: Tensor) -> Tensor:
    """A vector of length 1."""
    return x / max(numpy.sqrt((x * x).sum()), x.dtype.type(1e-12))


def pass_key(key: int, number: int) -> int:
    """Key of the dropout masks of one pass of an update."""
    return int(random_streams.hash32(numpy.array([(key + number) & 0xFFFFFFFF], dtype=numpy.uint64))[0])
