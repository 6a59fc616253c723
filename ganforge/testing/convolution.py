"""Convolutions written plainly: for every place of the kernel one product, of the pixels that it meets."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, TypeAlias

from ganforge.spec.ops import Sides, Size
from ganforge.testing.differentiable import Tensor, np, put, take

Product: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(..., in) times (in, out)."""


def conv(x: Tensor, kernel: Tensor, stride: Size, padding: Sides, times: Product, groups: int = 1) -> Tensor:
    """(B, H, W, in), (h, w, in / groups, out) -> (B, H', W', out)."""
    if groups > 1:
        parts = zip(_parts(x, groups), _parts(kernel, groups), strict=True)
        return np.concatenate([conv(part, own, stride, padding, times) for part, own in parts], axis=-1)
    padded = pad(x, padding)
    rows = (padded.shape[1] - kernel.shape[0]) // stride[0] + 1
    columns = (padded.shape[2] - kernel.shape[1]) // stride[1] + 1
    return sum(times(take(padded, met), take(kernel, place)) for place, met in _places(kernel, stride, rows, columns))


def conv_transpose(x: Tensor, kernel: Tensor, stride: Size, times: Product, groups: int = 1) -> Tensor:
    """(B, H, W, in), (h, w, out / groups, in) -> (B, H', W', out), the full result."""
    if groups > 1:
        parts = zip(_parts(x, groups), _parts(kernel, groups), strict=True)
        return np.concatenate([conv_transpose(part, own, stride, times) for part, own in parts], axis=-1)
    batch, rows, columns, _ = x.shape
    height, width = (rows - 1) * stride[0] + kernel.shape[0], (columns - 1) * stride[1] + kernel.shape[1]
    full = (batch, height, width, kernel.shape[2])
    return sum(put(times(x, take(kernel, place).T), met, full) for place, met in _places(kernel, stride, rows, columns))


def pad(x: Tensor, sides: Sides) -> Tensor:
    """Zeros around the height and width."""
    batch, height, width, channels = x.shape
    (top, bottom), (left, right) = sides
    inside = (slice(None), slice(top, top + height), slice(left, left + width))
    return put(x, inside, (batch, top + height + bottom, left + width + right, channels))


def crop(x: Tensor, sides: Sides) -> Tensor:
    """Without rows and columns at the sides."""
    (top, bottom), (left, right) = sides
    return take(x, (slice(None), slice(top, x.shape[1] - bottom), slice(left, x.shape[2] - right)))


def _parts(x: Tensor, groups: int) -> list[Tensor]:
    """Equal shares of the last axis."""
    share = x.shape[-1] // groups
    before = (slice(None),) * (x.ndim - 1)
    return [take(x, (*before, slice(start, start + share))) for start in range(0, x.shape[-1], share)]


def _places(kernel: Tensor, stride: Size, rows: int, columns: int) -> Iterator[tuple[tuple[int, int], tuple[Any, ...]]]:
    """For every place of the kernel: its index, and the pixels that it meets, one for each of rows x columns."""
    for i, j in product(range(kernel.shape[0]), range(kernel.shape[1])):
        down = slice(i, i + (rows - 1) * stride[0] + 1, stride[0])
        across = slice(j, j + (columns - 1) * stride[1] + 1, stride[1])
        yield (i, j), (slice(None), down, across)
