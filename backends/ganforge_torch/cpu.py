"""What makes a step fast on a CPU and changes no number: remove this module and its one use, and all of them stay.

Convolutions and transposed ones are one thing seen from both sides: a kernel (small channels, large channels, height,
width) ties every position of a small map to a window of a large one. A convolution gathers the large map into the small
one, a transposed one scatters the small map over the large one, and each is the other's gradient; the kernel's gradient
is the same for both. Which of their equal forms is taken depends on shapes and precision alone, so that it is the same
in every run.
"""

import ctypes
import platform
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ganforge.spec import Gan, Sides, step_operations
from ganforge_torch.convolution import Convolutions, Size, cropped, evenly

_SMALL_STEP = 10**9  # floating-point operations
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # glibc's malloc.h
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


def conv(x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Size, padding: Sides) -> Tensor:
    """(B, large, H, W) -> (B, small, h, w): zeros added by (low, high), then cross-correlation."""
    x, margin = evenly(x, padding)
    if x.shape[2:] == kernel.shape[2:] and margin == (0, 0):
        return product(_rows(x), _rows(kernel).t(), bias)[:, :, None, None]
    lattice = Lattice((x.shape[2], x.shape[3]), stride, margin)
    if _few(kernel, stride) or _many(kernel):
        return _Gather.apply(x, kernel, bias, lattice)
    return _gather(x, kernel, bias, lattice)


def conv_transpose(x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Size, crop: Sides, size: Size) -> Tensor:
    """(B, small, h, w) -> (B, large, *size): the full result, then (low, high) rows and columns cropped."""
    if x.shape[2:] == (1, 1) and size == kernel.shape[2:]:
        return _from_points(x, kernel, bias)
    (top, bottom), (left, right) = crop
    margin = min(top, bottom), min(left, right)
    top, left = top - margin[0], left - margin[1]
    # torch crops both sides alike; what one side loses beyond the other is cut off here.
    whole = tuple(
        (count - 1) * step + width - 2 * less
        for count, step, width, less in zip(x.shape[2:], stride, kernel.shape[2:], margin, strict=True)
    )
    lattice = Lattice((whole[0], whole[1]), stride, margin)
    if _few(kernel, stride) or _many(kernel):
        x = _Scatter.apply(x, kernel, bias, lattice)
    else:
        x = _scatter(x, kernel, bias, lattice)
    return cropped(x, top, left, size)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, large: Tensor, kernel: Tensor, bias: Tensor | None, lattice: Lattice) -> Tensor:
        ctx.save_for_backward(large, kernel)
        ctx.lattice = lattice
        return _gather(large, kernel, bias, lattice)

    @staticmethod
    def backward(ctx: Any, small: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
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
    def backward(ctx: Any, large: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
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
        return found
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
    small, margin_of_small = evenly(small, (offsets[0], offsets[1]))
    phases = F.conv2d(small, parts, None if bias is None else bias.repeat_interleave(step * step), 1, margin_of_small)
    return cropped(F.pixel_shuffle(phases, step), 0, 0, lattice.size)


def _from_points(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """From maps of one position: a matrix product."""
    whole = product(x.flatten(1), _rows(kernel)).unflatten(1, (*kernel.shape[2:], -1)).permute(0, 3, 1, 2)
    return whole if bias is None else whole + bias.view(-1, 1, 1)


def _rows(x: Tensor) -> Tensor:
    """(n, channels, height, width) -> (n, height * width * channels): as it lies in memory."""
    return x.permute(0, 2, 3, 1).flatten(1)


def _few(kernel: Tensor, stride: Size) -> bool:
    return stride[0] == stride[1] > 1 and kernel.shape[1] * stride[0] ** 2 <= _FEW


def _many(kernel: Tensor) -> bool:
    return kernel.numel() >= _MANY.get(kernel.dtype, _MANY_OTHERWISE)


# Products -------------------------------------------------------------------------------------------------------------

_LARGE = 2**25
"""Multiplications beyond which oneDNN, which torch has for convolutions, is worth the detour. In float32 on a CPU its
products take 0.5 to 0.9 times as long as those of the library that torch has for products, and in bfloat16 they are
torch's own."""


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """(m, k), (k, n) -> (m, n), with `bias`, (n,), added to every row."""
    if _goes_to_onednn(a, b):
        return _Product.apply(a, b, bias)
    return a @ b if bias is None else torch.addmm(bias, a, b)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(a, b)
        multiply = _onednn()
        assert multiply is not None
        return multiply(a, b.t(), bias, "none", [], "")

    @staticmethod
    def backward(ctx: Any, c: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        # Of differentiable operations, for penalties, which differentiate a gradient.
        a, b = ctx.saved_tensors
        return (
            product(c, b.t()) if ctx.needs_input_grad[0] else None,
            product(a.t(), c) if ctx.needs_input_grad[1] else None,
            c.sum(0) if ctx.needs_input_grad[2] else None,
        )


def _goes_to_onednn(a: Tensor, b: Tensor) -> bool:
    large = a.shape[0] * a.shape[1] * b.shape[1] > _LARGE
    return large and a.dtype == torch.float32 and a.device.type == "cpu" and _onednn() is not None


@cache
def _onednn() -> Callable[..., Tensor] | None:
    """x, weight (out, in), bias, and what torch.compile would fuse with it -> x @ weight.t() + bias."""
    if not torch.backends.mkldnn.is_available():
        return None
    try:
        return torch.ops.mkldnn._linear_pointwise
    except AttributeError:  # not in this build of torch
        return None


def keep_freed_memory() -> None:
    """Have the C library keep memory that is freed, for the next step, which wants as much again.

    glibc hands large blocks back to the system at once and is given them anew as empty pages, which takes 2 to 8 % of a
    step. So it is for the whole process; another C library does as it likes.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def threads(gan: Gan) -> int | None:
    """Threads that this GAN is computed with on a CPU; None: as many as torch has.

    Steps of a few milliseconds gain little from a second thread, and lose a thousandfold where another process keeps a
    core busy: the threads meet after every operation, and each waits for the one that has no core.
    """
    return 1 if step_operations(gan) < _SMALL_STEP else None


TUNED = Convolutions(product=product, conv=conv, conv_transpose=conv_transpose)
