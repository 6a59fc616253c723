"""Spectral norm: a kernel divided by its largest singular value, as power iteration finds it."""

from typing import NamedTuple

from ganforge.spec.ops import Ops, Tensor

_EPSILON = 1e-12


class Divided(NamedTuple):
    """A kernel after one iteration."""

    kernel: Tensor
    """The kernel over sigma."""
    u: Tensor
    """(outputs,), a constant."""
    sigma: Tensor
    """(1,)."""


def divided(ops: Ops, kernel: Tensor, u: Tensor, axis: int) -> Divided:
    """One power iteration from `u` (Miyato et al. 2018, algorithm 1); u and v are constants to derivatives.

    axis: of the kernel's outputs. The matrix is (outputs, all other axes).
    """
    axis %= len(kernel.shape)
    rest = tuple(each for each in range(len(kernel.shape)) if each != axis)
    moved = kernel if axis == len(rest) else ops.transpose(kernel, (*rest, axis))
    columns = ops.reshape(moved, (-1, u.shape[0]))  # the matrix transposed
    v = _unit(ops, ops.stop_gradient(ops.matmul(columns, ops.reshape(u, (-1, 1)))))
    row = ops.matmul(ops.reshape(v, (1, -1)), columns)
    unit = _unit(ops, ops.stop_gradient(row))
    sigma = ops.sum_over(row * unit, (0, 1))
    return Divided(kernel / sigma, ops.reshape(unit, (-1,)), ops.reshape(sigma, (1,)))


def _unit(ops: Ops, x: Tensor) -> Tensor:
    length = ops.sqrt(ops.sum_over(ops.square(x), (0, 1)))
    return x / ops.where(length > _EPSILON, length, _EPSILON)
