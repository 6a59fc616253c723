"""Convolutions by TensorFlow's own operations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf

from ganforge.spec import Sides

Size: TypeAlias = tuple[int, int]


def conv(x: tf.Tensor, kernel: tf.Tensor, stride: Size, padding: Sides) -> tf.Tensor:
    """(B, H, W, in), (h, w, in, out) -> (B, H', W', out)."""
    return tf.nn.conv2d(tf.pad(x, [(0, 0), *padding, (0, 0)]), kernel, stride, "VALID")


def conv_transpose(x: tf.Tensor, kernel: tf.Tensor, stride: Size, crop: Sides, size: Size) -> tf.Tensor:
    """(B, H, W, in), (h, w, out, in) -> (B, *size, out)."""
    (top, bottom), (left, right), (height, width) = *crop, size
    whole = (x.shape[0], top + height + bottom, left + width + right, kernel.shape[2])
    full = tf.nn.conv2d_transpose(x, kernel, whole, stride, "VALID")
    return full[:, top : top + height, left : left + width]


@dataclass(frozen=True, kw_only=True)
class Convolutions:
    """One way of computing the three, without biases."""

    product: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = tf.matmul
    conv: Callable[[tf.Tensor, tf.Tensor, Size, Sides], tf.Tensor] = conv
    conv_transpose: Callable[[tf.Tensor, tf.Tensor, Size, Sides, Size], tf.Tensor] = conv_transpose


PLAIN = Convolutions()
