"""Products and convolutions by torch's own operations, over (batch, channels, height, width)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from ganforge.spec import Sides

Size: TypeAlias = tuple[int, int]


def product(a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
    """(m, k), (k, n) -> (m, n), with `bias`, (n,), added to every row."""
    return a @ b if bias is None else torch.addmm(bias, a, b)


def conv(x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Size, padding: Sides, *, groups: int = 1) -> Tensor:
    """(B, in, H, W), (out, in / groups, h, w) -> (B, out, H', W')."""
    x, both = evenly(x, padding)
    return F.conv2d(x, kernel, bias, stride, both, groups=groups)


def conv_transpose(
    x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Size, crop: Sides, size: Size, *, groups: int = 1
) -> Tensor:
    """(B, in, H, W), (in, out / groups, h, w) -> (B, out, *size): the full result, then rows and columns cropped."""
    (top, bottom), (left, right) = crop
    both = min(top, bottom), min(left, right)
    # torch crops both sides alike; what one side loses beyond the other is cut off here.
    full = F.conv_transpose2d(x, kernel, bias, stride, both, groups=groups)
    return cropped(full, top - both[0], left - both[1], size)


def evenly(x: Tensor, sides: Sides) -> tuple[Tensor, Size]:
    """`x` with zeros on one side where that side needs more, and what is left to add on both sides alike."""
    (top, bottom), (left, right) = sides
    down, across = max(min(top, bottom), 0), max(min(left, right), 0)
    rest = (left - across, right - across, top - down, bottom - down)
    return (F.pad(x, rest) if any(rest) else x), (down, across)


def cropped(x: Tensor, top: int, left: int, size: Size) -> Tensor:
    """Rows from `top` and columns from `left` on, in their own memory: a batch norm is slow on parts of another."""
    height, width = x.shape[2:]
    sides = (-left, left + size[1] - width, -top, top + size[0] - height)
    return F.pad(x, sides) if any(sides) else x


@dataclass(frozen=True, kw_only=True)
class Convolutions:
    """One way of computing the three."""

    product: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    conv: Callable[[Tensor, Tensor, Tensor | None, Size, Sides], Tensor]
    conv_transpose: Callable[[Tensor, Tensor, Tensor | None, Size, Sides, Size], Tensor]


PLAIN = Convolutions(product=product, conv=conv, conv_transpose=conv_transpose)
