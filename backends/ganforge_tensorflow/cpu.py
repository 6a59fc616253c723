"""What makes a step fast on a CPU and changes no number: remove this module and its one use, and all of them stay.

A convolution and a transposed one are one thing seen from both sides: a kernel (height, width, large channels, small
channels) ties every position of a small map to a window of a large one. A convolution gathers the large map into the
small one, a transposed one scatters the small map over the large one, and each is the other's gradient; the kernel's
gradient is the same for both. Which of their equal forms is taken depends on shapes and precision alone, so that it is
the same in every run.
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import tensorflow as tf

from ganforge.spec import Sides, same_padding
from ganforge_tensorflow.convolution import Convolutions, Size

_FEW = 16
"""Channels of all phases together up to which scattering by phases is faster than oneDNN's own: 1.7 to 3 times."""
_MANY = {tf.bfloat16: 2**20}
_MANY_OTHERWISE = 2**21
"""Elements from which on a kernel's gradient is faster as one matrix product than as oneDNN has it: steps of `dcgan`
and `carpedm20` are 1.0 to 1.1 times as fast in float32, 1.1 to 1.3 times in bfloat16."""
_LARGE = 2**24
"""Multiplications beyond which the other order of a product's gradient is worth a transposed copy of the result."""


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

    @classmethod
    def of(cls, small: Size, large: Size, kernel: tf.Tensor, stride: Size, padding: Sides) -> "Lattice":
        """What a convolution of the large map, or a transposed one of the small map, ties together."""
        same = tuple(same_padding(*axis) for axis in zip(large, kernel.shape[:2], stride, strict=True))
        return cls(small, large, stride, padding, same == padding)


def convolved(x: tf.Tensor, kernel: tf.Tensor, stride: Size, padding: Sides) -> Lattice:
    """The lattice of a convolution of `x`."""
    large, extents = tuple(x.shape[1:3]), zip(x.shape[1:3], padding, kernel.shape[:2], stride, strict=True)
    height, width = ((size + low + high - extent) // step + 1 for size, (low, high), extent, step in extents)
    return Lattice.of((height, width), large, kernel, stride, padding)


def margined(large: tf.Tensor, lattice: Lattice) -> tuple[tf.Tensor, str]:
    """The large map as TensorFlow is given it, and the padding that it does itself.

    Other paddings than its own SAME are made before: given to it as explicit numbers they are the same to the last
    digit, but a gradient of 256 channels takes ten times as long on a CPU.
    """
    return (large, "SAME") if lattice.same else (tf.pad(large, [(0, 0), *lattice.padding, (0, 0)]), "VALID")


def gather(large: tf.Tensor, kernel: tf.Tensor, lattice: Lattice) -> tf.Tensor:
    """The large map into the small one."""
    large, padding = margined(large, lattice)
    return tf.nn.conv2d(large, kernel, lattice.stride, padding)


def scatter(small: tf.Tensor, kernel: tf.Tensor, lattice: Lattice) -> tf.Tensor:
    """The small map over the large one."""
    batch, channels, (height, width) = small.shape[0], kernel.shape[2], lattice.large
    if lattice.same:
        return tf.nn.conv2d_transpose(small, kernel, (batch, height, width, channels), lattice.stride, "SAME")
    (top, bottom), (left, right) = lattice.padding
    whole = (batch, top + height + bottom, left + width + right, channels)
    full = tf.nn.conv2d_transpose(small, kernel, whole, lattice.stride, "VALID")
    return full[:, top : top + height, left : left + width]


def conv(x: tf.Tensor, kernel: tf.Tensor, stride: Size, padding: Sides) -> tf.Tensor:
    """As `ganforge_tensorflow.convolution.conv`."""
    lattice = convolved(x, kernel, stride, padding)
    if lattice.small == (1, 1) and _is_point(kernel, lattice):
        rows = tf.reshape(x, (x.shape[0], -1)) @ tf.reshape(kernel, (-1, kernel.shape[3]))
        return rows[:, tf.newaxis, tf.newaxis]
    if not (_few(kernel, lattice) or _many(kernel)):
        return gather(x, kernel, lattice)

    @tf.custom_gradient
    def gathered(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], list[tf.Tensor]]]:
        return gather(x, kernel, lattice), lambda small: [
            _scatter(small, kernel, lattice),
            _tie(x, small, kernel, lattice),
        ]

    return gathered(x, kernel)


def conv_transpose(x: tf.Tensor, kernel: tf.Tensor, stride: Size, crop: Sides, size: Size) -> tf.Tensor:
    """As `ganforge_tensorflow.convolution.conv_transpose`."""
    lattice = Lattice.of(tuple(x.shape[1:3]), size, kernel, stride, crop)
    if lattice.small == (1, 1) and _is_point(kernel, lattice):
        rows = tf.matmul(x[:, 0, 0], tf.reshape(kernel, (-1, kernel.shape[3])), transpose_b=True)
        return tf.reshape(rows, (x.shape[0], *kernel.shape[:3]))
    if not (_few(kernel, lattice) or _many(kernel)):
        return scatter(x, kernel, lattice)

    @tf.custom_gradient
    def scattered(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], list[tf.Tensor]]]:
        return _scatter(x, kernel, lattice), lambda large: [
            gather(large, kernel, lattice),
            _tie(large, x, kernel, lattice),
        ]

    return scattered(x, kernel)


def product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """(m, k), (k, n) -> (m, n).

    The gradient of `a` is c @ b^T, for which oneDNN turns all of b round: for the few rows of a batch and the many of a
    kernel that takes longer than the product. (b @ c^T)^T is the same and turns the small result, in 0.5 to 0.8 of the
    time.
    """
    if a.shape[0] * a.shape[1] * b.shape[1] <= _LARGE:
        return tf.matmul(a, b)

    @tf.custom_gradient
    def multiplied(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], list[tf.Tensor]]]:
        return tf.matmul(a, b), lambda c: [
            tf.transpose(tf.matmul(b, c, transpose_b=True)),
            tf.matmul(a, c, transpose_a=True),
        ]

    return multiplied(a, b)


TUNED = Convolutions(product=product, conv=conv, conv_transpose=conv_transpose)

# Each of the following is made of differentiable operations, for penalties, which differentiate a gradient.


def _scatter(small: tf.Tensor, kernel: tf.Tensor, lattice: Lattice) -> tf.Tensor:
    return _scatter_by_phases(small, kernel, lattice) if _few(kernel, lattice) else scatter(small, kernel, lattice)


def _tie(large: tf.Tensor, small: tf.Tensor, kernel: tf.Tensor, lattice: Lattice) -> tf.Tensor:
    """The kernel's gradient."""
    if _many(kernel):
        height, width, channels, filters = kernel.shape
        wide = tf.pad(large, [(0, 0), *lattice.padding, (0, 0)])
        sizes, strides = (1, height, width, 1), (1, *lattice.stride, 1)
        windows = tf.image.extract_patches(wide, sizes, strides, (1, 1, 1, 1), "VALID")
        windows, small = tf.reshape(windows, (-1, height * width * channels)), tf.reshape(small, (-1, filters))
        return tf.reshape(tf.matmul(windows, small, transpose_a=True), kernel.shape)
    large, padding = margined(large, lattice)
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
