"""The core's operations in TensorFlow. Its layouts are the core's own, so nothing is ever transposed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import tensorflow as tf

from ganforge.backend import Collective
from ganforge.spec import bilinear_shares as shares
from ganforge.spec import dropped_below
from ganforge_tensorflow import grouped
from ganforge_tensorflow.convolution import PLAIN, Convolutions


@dataclass(frozen=True, kw_only=True)
class TensorFlowOps:
    """See `ganforge.spec.Ops`."""

    replicas: Collective
    forms: Convolutions = PLAIN
    """How products and convolutions are computed."""

    square = staticmethod(tf.square)
    sqrt = staticmethod(tf.sqrt)
    rsqrt = staticmethod(tf.math.rsqrt)
    exp = staticmethod(tf.exp)
    expm1 = staticmethod(tf.math.expm1)
    log = staticmethod(tf.math.log)
    tanh = staticmethod(tf.tanh)
    sigmoid = staticmethod(tf.sigmoid)
    softplus = staticmethod(tf.nn.softplus)
    erf = staticmethod(tf.math.erf)
    relu = staticmethod(tf.nn.relu)
    minimum = staticmethod(tf.minimum)
    where = staticmethod(tf.where)
    clip = staticmethod(tf.clip_by_value)
    stack = staticmethod(tf.stack)
    unstack = staticmethod(tf.unstack)
    concat = staticmethod(tf.concat)
    split = staticmethod(tf.split)
    zeros_like = staticmethod(tf.zeros_like)
    mean_over = staticmethod(tf.reduce_mean)
    sum_over = staticmethod(tf.reduce_sum)
    max_over = staticmethod(tf.reduce_max)
    reshape = staticmethod(tf.reshape)
    transpose = staticmethod(tf.transpose)
    broadcast = staticmethod(tf.broadcast_to)
    softmax = staticmethod(tf.nn.softmax)
    matmul_each = staticmethod(tf.matmul)
    log_softmax = staticmethod(tf.nn.log_softmax)
    stop_gradient = staticmethod(tf.stop_gradient)

    def leaky_relu(self, x: tf.Tensor, slope: float) -> tf.Tensor:
        # TensorFlow's own takes its slope as float32 whatever the tensors are: 3e-9 beside it in float64.
        return tf.where(x > 0, x, slope * x) if x.dtype == tf.float64 else tf.nn.leaky_relu(x, slope)

    def mean(self, x: tf.Tensor) -> tf.Tensor:
        return self.replicas.mean(tf.reduce_mean(x))

    def sum_each(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(x, axis=list(range(1, x.shape.rank)))

    def matmul(self, a: tf.Tensor, b: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
        return _biased(self.forms.product(a, b), bias)

    def conv(
        self, x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None, stride: Any, padding: Any, groups: int = 1
    ) -> tf.Tensor:
        form = self.forms.conv if groups == 1 else partial(grouped.conv, groups, self.forms)
        return _biased(form(x, kernel, stride, padding), bias)

    def conv_transpose(
        self,
        x: tf.Tensor,
        kernel: tf.Tensor,
        bias: tf.Tensor | None,
        stride: Any,
        crop: Any,
        size: Any,
        groups: int = 1,
    ) -> tf.Tensor:
        form = self.forms.conv_transpose if groups == 1 else partial(grouped.conv_transpose, groups, self.forms)
        return _biased(form(x, kernel, stride, crop, size), bias)

    def mean_pool(self, x: tf.Tensor, size: Any, stride: Any, padding: Any) -> tf.Tensor:
        return tf.nn.avg_pool2d(self.pad(x, padding), size, stride, "VALID")

    def max_pool(self, x: tf.Tensor, size: Any, stride: Any, padding: Any) -> tf.Tensor:
        if any((*padding[0], *padding[1])):
            x = tf.pad(x, [(0, 0), *padding, (0, 0)], constant_values=x.dtype.min)
        return tf.nn.max_pool2d(x, size, stride, "VALID")

    def repeat(self, x: tf.Tensor, times: Any) -> tf.Tensor:
        batch, height, width, channels = x.shape
        spread = tf.broadcast_to(x[:, :, None, :, None], (batch, height, times[0], width, times[1], channels))
        return tf.reshape(spread, (batch, height * times[0], width * times[1], channels))

    def bilinear(self, x: tf.Tensor, size: Any) -> tf.Tensor:
        # TensorFlow's own makes float32 of float64. A product with constant shares for each axis has both derivatives.
        rows, columns = (
            tf.constant(shares(small, big), x.dtype) for small, big in zip(x.shape[1:3], size, strict=True)
        )
        return tf.einsum("rh,bhwc,sw->brsc", rows, x, columns)

    def pad(self, x: tf.Tensor, sides: Any) -> tf.Tensor:
        return tf.pad(x, [(0, 0), *sides, (0, 0)])

    def take(self, x: tf.Tensor, indices: Sequence[int], axis: int) -> tf.Tensor:
        return tf.gather(x, list(indices), axis=axis)

    def like(self, x: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        return tf.cast(x, other.dtype)

    def ones(self, shape: Sequence[int], like: tf.Tensor) -> tf.Tensor:
        return tf.ones(tuple(shape), like.dtype)

    def arange(self, count: int, like: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.range(count), like.dtype)

    def one_hot(self, labels: tf.Tensor, classes: int, like: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(labels, classes, dtype=like.dtype)

    def gradient(self, function: Callable[[tf.Tensor], tf.Tensor], at: tf.Tensor) -> tf.Tensor:
        return gradients(function(at), [at])[0]

    def fold_in(self, key: tf.Tensor, number: int) -> tf.Tensor:
        return _hash(key + _word(number))

    def dropout_mask(
        self, key: tf.Tensor, layer: int, shape: Sequence[int], rate: float, starts: tuple[int, ...], like: tf.Tensor
    ) -> tf.Tensor:
        place = _hash(key + _word(0x9E3779B9 * (layer + 1)))
        runs = [tf.range(start, start + prod(shape) // len(starts), dtype=tf.int64) for start in starts]
        positions = _hash(tf.cast(tf.concat(runs, 0), tf.uint32))
        hashed = _hash(tf.bitwise.bitwise_xor(positions, place))
        return tf.reshape(hashed >= _word(dropped_below(rate)), tuple(shape))


def gradients(value: tf.Tensor, arrays: list[tf.Tensor]) -> list[tf.Tensor]:
    """Gradients of sum(value), a sum of several terms being taken two at a time.

    A GradientTape sums them all with one AddN, and that adds in the order in which its inputs' memory happens to become
    free: the last bits would differ from run to run, whatever tf.config.experimental.enable_op_determinism says.
    """
    return tf.gradients(
        value,
        arrays,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
        aggregation_method=tf.AggregationMethod.EXPERIMENTAL_TREE,
    )


def _biased(x: tf.Tensor, bias: tf.Tensor | None) -> tf.Tensor:
    return x if bias is None else tf.nn.bias_add(x, bias)


def _hash(words: tf.Tensor) -> tf.Tensor:
    """`ganforge.spec.random_streams.hash32` of uint32 words; products wrap around by themselves."""
    words = tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, _word(16))) * _word(0x85EBCA6B)
    words = tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, _word(13))) * _word(0xC2B2AE35)
    return tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, _word(16)))


def _word(value: int) -> tf.Tensor:
    return tf.constant(value & 0xFFFFFFFF, tf.uint32)
