"""Products and convolutions by TensorFlow's own operations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import tensorflow as tf

from ganforge.spec import Sides, same_padding

Size: TypeAlias = tuple[int, int]


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
    """(B, H, W, in), (h, w, in, out) -> (B, H', W', out)."""
    return gather(x, kernel, convolved(x, kernel, stride, padding))


def conv_transpose(x: tf.Tensor, kernel: tf.Tensor, stride: Size, crop: Sides, size: Size) -> tf.Tensor:
    """(B, H, W, in), (h, w, out, in) -> (B, *size, out)."""
    return scatter(x, kernel, Lattice.of(tuple(x.shape[1:3]), size, kernel, stride, crop))


@dataclass(frozen=True, kw_only=True)
class Convolutions:
    """One way of computing the three, without biases."""

    product: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = tf.matmul
    conv: Callable[[tf.Tensor, tf.Tensor, Size, Sides], tf.Tensor] = conv
    conv_transpose: Callable[[tf.Tensor, tf.Tensor, Size, Sides, Size], tf.Tensor] = conv_transpose


PLAIN = Convolutions()
