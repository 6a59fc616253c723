"""Convolutions and transposed ones, each in whichever of its equal forms is the cheapest.

The two are one thing seen from both sides: a kernel (height, width, large channels, small channels) ties every position
of a small map to a window of a large one. A convolution gathers the large map into the small one, a transposed one
scatters the small map over the large one, and each is the other's gradient; the kernel's gradient is the same for both.

Which form is taken depends on shapes and precision alone, so that it is the same in every run.
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import tensorflow as tf

from ganforge.spec import Sides

Size = tuple[int, int]

_FEW = 16
"""Channels of all phases together up to which scattering by phases is faster than oneDNN's own: 1.7 to 3 times."""
_MANY = {tf.bfloat16: 2**20}
_MANY_OTHERWISE = 2**21
"""Elements from which on a kernel's gradient is faster as one matrix product than as oneDNN has it: steps of `dcgan`
and `carpedm20` are 1.0 to 1.1 times as fast in float32, 1.1 to 1.3 times in bfloat16."""


class Lattice(NamedTuple):
    """How the positions of a small map lie on a large one."""

    small: Size
    large: Size
    """(height, width)."""
    stride: Size
    padding: Sides
    """Zeros around the large map."""
    same: bool
    """Whether that is TensorFlow's own SAME."""


def convolve(x: tf.Tensor, kernel: tf.Tensor, lattice: Lattice) -> tf.Tensor:
    """(B, *large, channels) -> (B, *small, filters): zeros added by (low, high), then cross-correlation."""
    if lattice.small == (1, 1) and _is_point(kernel, lattice):
        rows = tf.reshape(x, (x.shape[0], -1)) @ tf.reshape(kernel, (-1, kernel.shape[3]))
        return rows[:, tf.newaxis, tf.newaxis]
    if not (_few(kernel, lattice) or _many(kernel)):
        return _gather(x, kernel, lattice)

    @tf.custom_gradient
    def gathered(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], list[tf.Tensor]]]:
        return _gather(x, kernel, lattice), lambda small: [
            _scatter(small, kernel, lattice),
            _tie(x, small, kernel, lattice),
        ]

    return gathered(x, kernel)


def convolve_transposed(x: tf.Tensor, kernel: tf.Tensor, lattice: Lattice) -> tf.Tensor:
    """(B, *small, channels) -> (B, *large, filters): the full result, then (low, high) rows and columns cropped."""
    if lattice.small == (1, 1) and _is_point(kernel, lattice):
        rows = tf.matmul(x[:, 0, 0], tf.reshape(kernel, (-1, kernel.shape[3])), transpose_b=True)
        return tf.reshape(rows, (x.shape[0], *kernel.shape[:3]))
    if not (_few(kernel, lattice) or _many(kernel)):
        return _scatter(x, kernel, lattice)

    @tf.custom_gradient
    def scattered(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], list[tf.Tensor]]]:
        return _scatter(x, kernel, lattice), lambda large: [
            _gather(large, kernel, lattice),
            _tie(large, x, kernel, lattice),
        ]

    return scattered(x, kernel)


# Each of the following is made of differentiable operations, for penalties, which differentiate a gradient.


def _margined(large: tf.Tensor, lattice: Lattice) -> tuple[tf.Tensor, str]:
    """The large map as TensorFlow is given it, and the padding that it does itself.

    Other paddings than its own SAME are made before: given to it as explicit numbers they are the same to the last
    digit, but a gradient of 256 channels takes ten times as long on a CPU.
    """
    return (large, "SAME") if lattice.same else (tf.pad(large, [(0, 0), *lattice.padding, (0, 0)]), "VALID")


def _gather(large: tf.Tensor, kernel: tf.Tensor, lattice: Lattice) -> tf.Tensor:
    large, padding = _margined(large, lattice)
    return tf.nn.conv2d(large, kernel, lattice.stride, padding)


def _scatter(small: tf.Tensor, kernel: tf.Tensor, lattice: Lattice) -> tf.Tensor:
    if _few(kernel, lattice):
        return _scatter_by_phases(small, kernel, lattice)
    batch, channels, (height, width) = small.shape[0], kernel.shape[2], lattice.large
    if lattice.same:
        return tf.nn.conv2d_transpose(small, kernel, (batch, height, width, channels), lattice.stride, "SAME")
    (top, bottom), (left, right) = lattice.padding
    whole = (batch, top + height + bottom, left + width + right, channels)
    full = tf.nn.conv2d_transpose(small, kernel, whole, lattice.stride, "VALID")
    return full[:, top : top + height, left : left + width]


def _tie(large: tf.Tensor, small: tf.Tensor, kernel: tf.Tensor, lattice: Lattice) -> tf.Tensor:
    """The kernel's gradient."""
    if _many(kernel):
        height, width, channels, filters = kernel.shape
        wide = tf.pad(large, [(0, 0), *lattice.padding, (0, 0)])
        sizes, strides = (1, height, width, 1), (1, *lattice.stride, 1)
        windows = tf.image.extract_patches(wide, sizes, strides, (1, 1, 1, 1), "VALID")
        windows, small = tf.reshape(windows, (-1, height * width * channels)), tf.reshape(small, (-1, filters))
        return tf.reshape(tf.matmul(windows, small, transpose_a=True), kernel.shape)
    large, padding = _margined(large, lattice)
    return tf.raw_ops.Conv2DBackpropFilter(
        input=large,
        filter_sizes=kernel.shape,
        out_backprop=small,
        strides=(1, *lattice.stride, 1),
        padding=padding,
    )


def _scatter_by_phases(small: tf.Tensor, kernel: tf.Tensor, lattice: Lattice) -> tf.Tensor:
    """A map of cells, a cell being the stride's square of pixels: its scattering has a stride of 1."""
    (height, width, channels, filters), step = kernel.shape, lattice.stride[0]
    rows, columns = -(-height // step), -(-width // step)
    wide = tf.pad(kernel, [(0, rows * step - height), (0, columns * step - width), (0, 0), (0, 0)])
    cells = tf.transpose(tf.reshape(wide, (rows, step, columns, step, channels, filters)), (0, 2, 1, 3, 4, 5))
    cells = tf.reshape(cells, (rows, columns, step * step * channels, filters))
    down, across = lattice.small
    whole = (small.shape[0], down + rows - 1, across + columns - 1, cells.shape[2])
    full = tf.nn.depth_to_space(tf.nn.conv2d_transpose(small, cells, whole, 1, "VALID"), step)
    (top, _), (left, _), (height, width) = *lattice.padding, lattice.large
    below, right = max(top + height - full.shape[1], 0), max(left + width - full.shape[2], 0)
    if below or right:  # rows and columns that no window reaches
        full = tf.pad(full, [(0, 0), (0, below), (0, right), (0, 0)])
    return full[:, top : top + height, left : left + width]


def _few(kernel: tf.Tensor, lattice: Lattice) -> bool:
    down, across = lattice.stride
    return down == across > 1 and kernel.shape[2] * down * across <= _FEW


def _many(kernel: tf.Tensor) -> bool:
    return prod(kernel.shape) >= _MANY.get(kernel.dtype, _MANY_OTHERWISE)


def _is_point(kernel: tf.Tensor, lattice: Lattice) -> bool:
    """Whether one window is the whole large map."""
    return lattice.large == tuple(kernel.shape[:2]) and lattice.padding == ((0, 0), (0, 0))
