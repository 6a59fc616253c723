"""The forward pass: resolved nodes, one after another, each layer as docs/semantics.md defines it.

Pictures are NHWC throughout, as they cross.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import tensorflow as tf

from ganforge.shapes import Node, pair
from ganforge.spec import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Elu,
    Flatten,
    JoinLabel,
    LeakyRelu,
    Relu,
    Reshape,
    Residual,
    Sigmoid,
    Tanh,
)
from ganforge_tensorflow import dropout
from ganforge_tensorflow.workers import ALONE, Group

Arrays: TypeAlias = Mapping[str, tf.Tensor]
"""The arrays of one network by their names in it: `03_conv/kernel`."""


class Moments(NamedTuple):
    """What a batch norm saw in one batch, each (channels,); the variance is the unbiased one."""

    mean: tf.Tensor
    variance: tf.Tensor


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One forward pass: what it was given, and what it leaves behind node by node."""

    arrays: Arrays
    labels: tf.Tensor | None
    """(B,)."""
    key: tf.Tensor | None
    """Of this pass's dropout masks, a uint32 scalar: a pass in training. None: by running values."""
    twice: bool
    """Whether the pass's gradient will be differentiated in its turn, as a penalty's is."""
    group: Group
    parts: int
    """How many batches, of as many rows each, the input holds one after another."""
    outputs: dict[str, tf.Tensor] = field(default_factory=dict)
    """Every node's output; a residual block's after those of its inner nodes."""
    moments: dict[str, Moments] = field(default_factory=dict)
    """Of every batch norm in training, by its node's name."""

    @property
    def output(self) -> tf.Tensor:
        """The last node's output: pictures or logits."""
        return next(reversed(self.outputs.values()))


def forward(
    nodes: tuple[Node, ...],
    arrays: Arrays,
    x: tf.Tensor,
    labels: tf.Tensor | None,
    *,
    key: tf.Tensor | None = None,
    twice: bool = False,
    group: Group = ALONE,
    parts: int = 1,
) -> Pass:
    """Pass `x`, (B, ...) of a static shape, through a network; with a `key` as in training."""
    done = Pass(arrays=arrays, labels=labels, key=key, twice=twice, group=group, parts=parts)
    _chain(nodes, x, done)
    return done


def _chain(nodes: tuple[Node, ...], x: tf.Tensor, done: Pass) -> tf.Tensor:
    for node in nodes:
        x = done.outputs[node.name] = _layer(node, x, done)
    return x


def _layer(node: Node, x: tf.Tensor, done: Pass) -> tf.Tensor:
    match node.layer:
        case Dense():
            return _biased(node, tf.matmul(x, done.arrays[f"{node.name}/kernel"]), done.arrays)
        case Conv():
            return _biased(node, _conv(node, node.layer, x, done.arrays[f"{node.name}/kernel"]), done.arrays)
        case ConvTranspose():
            return _biased(node, _conv_transpose(node, node.layer, x, done.arrays[f"{node.name}/kernel"]), done.arrays)
        case BatchNorm():
            return _batch_norm(node, node.layer, x, done)
        case Relu():
            return tf.nn.relu(x)
        case LeakyRelu(slope=slope):
            # TensorFlow's own takes its slope as float32 whatever the tensors are: 3e-9 beside it in float64.
            return tf.nn.leaky_relu(x, slope) if x.dtype == tf.float32 else tf.where(x > 0, x, slope * x)
        case Elu(alpha=alpha):
            # Without the minimum, the branch not taken overflows and its derivative is 0 * inf.
            return tf.where(x > 0, x, alpha * tf.math.expm1(tf.minimum(x, 0.0)))
        case Tanh():
            return tf.tanh(x)
        case Sigmoid():
            return tf.sigmoid(x)
        case Dropout(rate=rate):
            return (
                x
                if done.key is None
                else _dropout(x, node.number, rate, done.key, done.group.rows(x.shape[0], done.parts))
            )
        case Reshape() | Flatten():
            return tf.reshape(x, (-1, *node.output))
        case JoinLabel():
            return _join_label(node, x, done.labels)
        case Residual():
            return x + _chain(node.body, x, done)


def _biased(node: Node, x: tf.Tensor, arrays: Arrays) -> tf.Tensor:
    bias = arrays.get(f"{node.name}/bias")
    return x if bias is None else tf.nn.bias_add(x, bias)


# 'same' in a spec is TensorFlow's own SAME. Other paddings are made around a VALID convolution: given to TensorFlow as
# explicit numbers they are the same to the last digit, but a gradient of 256 channels takes ten times as long on a CPU.


def _conv(node: Node, layer: Conv, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    if layer.padding == "same":
        return tf.nn.conv2d(x, kernel, pair(layer.stride), "SAME")
    return tf.nn.conv2d(tf.pad(x, [(0, 0), *node.padding, (0, 0)]), kernel, pair(layer.stride), "VALID")


def _conv_transpose(node: Node, layer: ConvTranspose, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    height, width, filters = node.output
    if layer.padding == "same":
        return tf.nn.conv2d_transpose(x, kernel, (x.shape[0], height, width, filters), pair(layer.stride), "SAME")
    (top, bottom), (left, right) = node.padding
    whole = (x.shape[0], top + height + bottom, left + width + right, filters)
    full = tf.nn.conv2d_transpose(x, kernel, whole, pair(layer.stride), "VALID")
    return full[:, top : top + height, left : left + width]


def _dropout(x: tf.Tensor, number: int, rate: float, key: tf.Tensor, rows: tuple[int, ...]) -> tf.Tensor:
    starts = tuple(row * x.shape[1:].num_elements() for row in rows)
    return tf.where(dropout.kept(key, number, tuple(x.shape), rate, starts), x / (1.0 - rate), 0.0)


def _join_label(node: Node, x: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
    spread = tf.one_hot(labels, node.classes, dtype=x.dtype)
    if x.shape.rank == 4:
        spread = tf.broadcast_to(spread[:, tf.newaxis, tf.newaxis, :], (*x.shape[:3], node.classes))
    return tf.concat([x, spread], axis=-1)


def _batch_norm(node: Node, layer: BatchNorm, x: tf.Tensor, done: Pass) -> tf.Tensor:
    scale = done.arrays[f"{node.name}/scale"] if layer.scale else tf.ones(x.shape[-1:], x.dtype)
    offset = done.arrays[f"{node.name}/offset"] if layer.offset else tf.zeros(x.shape[-1:], x.dtype)
    if done.key is None:
        mean, variance = done.arrays[f"{node.name}/mean"], done.arrays[f"{node.name}/variance"]
        return (x - mean) * (scale * tf.math.rsqrt(variance + layer.epsilon)) + offset
    if done.group.count > 1 and done.group.one_batch:
        normal, done.moments[node.name] = _of_all(x, scale, offset, layer.epsilon, done.group)
    elif x.dtype == tf.float32 and not done.twice:
        normal, done.moments[node.name] = _fused(x, scale, offset, layer.epsilon)
    else:
        normal, done.moments[node.name] = _composed(x, scale, offset, layer.epsilon)
    return normal


def _fused(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float) -> tuple[tf.Tensor, Moments]:
    """One operation, of float32 alone; the variance that it hands out is unbiased already.

    Its second derivative is TensorFlow's to sum, in no fixed order.
    """
    picture = x if x.shape.rank == 4 else x[:, tf.newaxis, tf.newaxis, :]
    unset = tf.constant([], tf.float32)
    normal, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=picture, scale=scale, offset=offset, mean=unset, variance=unset, epsilon=epsilon, is_training=True
    )
    return tf.reshape(normal, x.shape), Moments(mean, variance)


def _composed(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float) -> tuple[tf.Tensor, Moments]:
    """In plain operations, of any precision, to be differentiated as often as one likes."""
    axes = list(range(x.shape.rank - 1))
    count = x.shape.num_elements() // x.shape[-1]
    mean = tf.reduce_mean(x, axes)
    centred = x - mean
    variance = tf.reduce_mean(tf.square(centred), axes)
    normal = centred * (scale * tf.math.rsqrt(variance + epsilon)) + offset
    return normal, Moments(mean, variance * (count / (count - 1)))


def _of_all(
    x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float, group: Group
) -> tuple[tf.Tensor, Moments]:
    """By the statistics of all workers' rows: from each its mean and variance, and how far the means lie apart."""
    axes = list(range(x.shape.rank - 1))
    mean = tf.reduce_mean(x, axes)
    variance = tf.reduce_mean(tf.square(x - mean), axes)
    means, variances = tf.unstack(group.gather(tf.stack([mean, variance])), axis=1)
    mean = tf.reduce_mean(means, 0)
    variance = tf.reduce_mean(variances, 0) + tf.reduce_mean(tf.square(means - mean), 0)
    count = group.count * x.shape.num_elements() // x.shape[-1]
    normal = (x - mean) * (scale * tf.math.rsqrt(variance + epsilon)) + offset
    return normal, Moments(mean, variance * (count / (count - 1)))
