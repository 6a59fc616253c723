"""Convolutions and transposed ones, each in whichever of its equal forms is the cheapest.

The two are one thing seen from both sides: a kernel (small channels, large channels, height, width) ties every position
of a small map to a window of a large one. A convolution gathers the large map into the small one, a transposed one
scatters the small map over the large one, and each is the other's gradient; the kernel's gradient is the same for both.

Which form is taken depends on shapes and precision alone, so that it is the same in every run.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ganforge.spec import Sides
from ganforge_torch.products import product

Size = tuple[int, int]

_FEW = 16
"""Channels of all phases together up to which scattering by phases is faster than torch's own: 1.6 to 2.7 times."""
_MANY = {torch.bfloat16: 2**20}
_MANY_OTHERWISE = 2**21
"""Elements from which on a kernel's gradient is faster as one matrix product than as oneDNN has it: 1.1 to 8 times."""


class Lattice(NamedTuple):
    """How the positions of a small map lie on a large one."""

    size: Size
    """(height, width) of the large map."""
    stride: Size
    margin: Size
    """Zeros around the large map, as many on both sides."""


def convolve(x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Size, padding: Sides) -> Tensor:
    """(B, large, H, W) -> (B, small, h, w): zeros added by (low, high), then cross-correlation."""
    x, margin = _evenly(x, padding)
    if x.shape[2:] == kernel.shape[2:] and margin == (0, 0):
        return product(_rows(x), _rows(kernel).t(), bias)[:, :, None, None]
    lattice = Lattice((x.shape[2], x.shape[3]), stride, margin)
    if _few(kernel, stride) or _many(kernel):
        return _Gather.apply(x, kernel, bias, lattice)  # type: ignore[no-any-return, no-untyped-call]
    return _gather(x, kernel, bias, lattice)


def convolve_transposed(
    x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Size, padding: Sides, size: Size
) -> Tensor:
    """(B, small, h, w) -> (B, large, *size): the full result, then (low, high) rows and columns cropped."""
    if x.shape[2:] == (1, 1) and size == kernel.shape[2:]:
        return _from_points(x, kernel, bias)
    (top, bottom), (left, right) = padding
    margin = min(top, bottom), min(left, right)
    top, left = top - margin[0], left - margin[1]
    # torch crops both sides alike; what one side loses beyond the other is cut off here.
    whole = tuple(
        (count - 1) * step + width - 2 * less
        for count, step, width, less in zip(x.shape[2:], stride, kernel.shape[2:], margin, strict=True)
    )
    lattice = Lattice((whole[0], whole[1]), stride, margin)
    if _few(kernel, stride) or _many(kernel):
        x = _Scatter.apply(x, kernel, bias, lattice)  # type: ignore[no-untyped-call]
    else:
        x = _scatter(x, kernel, bias, lattice)
    return _cropped(x, top, left, size)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, large: Tensor, kernel: Tensor, bias: Tensor | None, lattice: Lattice) -> Tensor:
        ctx.save_for_backward(large, kernel)
        ctx.lattice = lattice
        return _gather(large, kernel, bias, lattice)

    @staticmethod
    def backward(ctx: Any, small: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:  # type: ignore[override]
        large, kernel = ctx.saved_tensors
        return (
            _scatter(small, kernel, None, ctx.lattice) if ctx.needs_input_grad[0] else None,
            _tie(large, small, kernel, ctx.lattice) if ctx.needs_input_grad[1] else None,
            small.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None,
            None,
        )


class _Scatter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, small: Tensor, kernel: Tensor, bias: Tensor | None, lattice: Lattice) -> Tensor:
        ctx.save_for_backward(small, kernel)
        ctx.lattice = lattice
        return _scatter(small, kernel, bias, lattice)

    @staticmethod
    def backward(ctx: Any, large: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:  # type: ignore[override]
        small, kernel = ctx.saved_tensors
        return (
            _gather(large, kernel, None, ctx.lattice) if ctx.needs_input_grad[0] else None,
            _tie(large, small, kernel, ctx.lattice) if ctx.needs_input_grad[1] else None,
            large.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None,
            None,
        )


# Each of the following is made of differentiable operations, for penalties, which differentiate a gradient.


def _gather(large: Tensor, kernel: Tensor, bias: Tensor | None, lattice: Lattice) -> Tensor:
    return F.conv2d(large, kernel, bias, lattice.stride, lattice.margin)


def _scatter(small: Tensor, kernel: Tensor, bias: Tensor | None, lattice: Lattice) -> Tensor:
    if _few(kernel, lattice.stride):
        return _scatter_by_phases(small, kernel, bias, lattice)
    size, stride, margin = lattice
    uncovered = tuple(
        size[axis] + 2 * margin[axis] - (small.shape[2 + axis] - 1) * stride[axis] - kernel.shape[2 + axis]
        for axis in (0, 1)
    )
    return F.conv_transpose2d(small, kernel, bias, stride, margin, uncovered)


def _tie(large: Tensor, small: Tensor, kernel: Tensor, lattice: Lattice) -> Tensor:
    """The kernel's gradient."""
    if not _many(kernel):
        stride, margin = lattice.stride, lattice.margin
        wanted = [False, True, False]
        _, found, _ = torch.ops.aten.convolution_backward(
            small, large, kernel, None, stride, margin, (1, 1), False, (0, 0), 1, wanted
        )
        return found  # type: ignore[no-any-return]
    height, width = kernel.shape[2:]
    (down, right), (step_down, step_right) = lattice.margin, lattice.stride
    wide = F.pad(large, (right, right, down, down)).permute(0, 2, 3, 1)
    windows = wide.unfold(1, height, step_down).unfold(2, width, step_right)  # (B, h, w, large, height, width)
    windows = windows.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)
    found = product(small.permute(0, 2, 3, 1).flatten(0, 2).t(), windows)
    return found.unflatten(1, (height, width, -1)).permute(0, 3, 1, 2)


def _scatter_by_phases(small: Tensor, kernel: Tensor, bias: Tensor | None, lattice: Lattice) -> Tensor:
    """Every stride-th row and column of the large map is a convolution of the small one: all of them as one, shuffled.

    Row s * a + r takes the small row a + d by the kernel's row r + margin - s * d. So the kernel's rows, with zeros
    before and behind, fall apart by r and d.
    """
    (step, _), offsets, rows = lattice.stride, [], []
    for axis in (0, 1):
        extent, margin = kernel.shape[2 + axis], lattice.margin[axis]
        first, last = -((extent - 1 - margin) // step), (step - 1 + margin) // step
        before = step * last - margin
        rows.append((before, step * (last - first + 1) - extent - before))
        offsets.append((-first, -(-lattice.size[axis] // step) + last - small.shape[2 + axis]))
    (top, bottom), (left, right) = rows
    parts = F.pad(kernel, (left, right, top, bottom)).unflatten(3, (-1, step)).unflatten(2, (-1, step)).flip(2, 4)
    parts = parts.permute(1, 3, 5, 0, 2, 4).flatten(0, 2)  # large channels and r down and r right, small channels, d, d
    parts = parts.contiguous(memory_format=torch.channels_last)
    small, margin_of_small = _evenly(small, (offsets[0], offsets[1]))
    phases = F.conv2d(small, parts, None if bias is None else bias.repeat_interleave(step * step), 1, margin_of_small)
    return _cropped(F.pixel_shuffle(phases, step), 0, 0, lattice.size)


def _from_points(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """From maps of one position: a matrix product."""
    whole = product(x.flatten(1), _rows(kernel)).unflatten(1, (*kernel.shape[2:], -1)).permute(0, 3, 1, 2)
    return whole if bias is None else whole + bias.view(-1, 1, 1)


def _rows(x: Tensor) -> Tensor:
    """(n, channels, height, width) -> (n, height * width * channels): as it lies in memory."""
    return x.permute(0, 2, 3, 1).flatten(1)


def _evenly(x: Tensor, sides: Sides) -> tuple[Tensor, Size]:
    """`x` with so many zeros that what is left to add is the same on both sides, and how much that is."""
    (top, bottom), (left, right) = sides
    down, across = max(min(top, bottom), 0), max(min(left, right), 0)
    rest = (left - across, right - across, top - down, bottom - down)
    return (F.pad(x, rest) if any(rest) else x), (down, across)


def _cropped(x: Tensor, top: int, left: int, size: Size) -> Tensor:
    """Rows from `top` and columns from `left` on, in their own memory: a batch norm is slow on parts of another."""
    height, width = x.shape[2:]
    sides = (-left, left + size[1] - width, -top, top + size[0] - height)
    return F.pad(x, sides) if any(sides) else x


def _few(kernel: Tensor, stride: Size) -> bool:
    return stride[0] == stride[1] > 1 and kernel.shape[1] * stride[0] ** 2 <= _FEW


def _many(kernel: Tensor) -> bool:
    return kernel.numel() >= _MANY.get(kernel.dtype, _MANY_OTHERWISE)
