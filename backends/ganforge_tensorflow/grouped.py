"""Convolutions in groups of channels, whose gradients TensorFlow lacks on a CPU: depthwise, or one after another."""

from typing import Any

import tensorflow as tf

from ganforge_tensorflow.convolution import Convolutions


def conv(groups: int, forms: Convolutions, x: tf.Tensor, kernel: tf.Tensor, stride: Any, padding: Any) -> tf.Tensor:
    """(B, H, W, in), (h, w, in / groups, out) -> (B, H', W', out)."""
    height, width, inputs, filters = kernel.shape
    if inputs == 1 and stride[0] == stride[1]:  # TensorFlow's depthwise has no other strides
        own = tf.reshape(kernel, (height, width, groups, filters // groups))
        wide = tf.pad(x, [(0, 0), *padding, (0, 0)])
        return tf.nn.depthwise_conv2d(wide, own, (1, *stride, 1), "VALID")
    parts = zip(tf.split(x, groups, 3), tf.split(kernel, groups, 3), strict=True)
    return tf.concat([forms.conv(part, own, stride, padding) for part, own in parts], 3)


def conv_transpose(
    groups: int, forms: Convolutions, x: tf.Tensor, kernel: tf.Tensor, stride: Any, crop: Any, size: Any
) -> tf.Tensor:
    """(B, H, W, in), (h, w, out / groups, in) -> (B, *size, out)."""
    parts = zip(tf.split(x, groups, 3), tf.split(kernel, groups, 3), strict=True)
    return tf.concat([forms.conv_transpose(part, own, stride, crop, size) for part, own in parts], 3)
