"""The forward pass: resolved nodes, one after another, each layer as docs/semantics.md defines it.

Pictures are NHWC throughout, as they cross.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from math import prod
from typing import NamedTuple, TypeAlias

import tensorflow as tf

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
    Node,
    Relu,
    Reshape,
    Residual,
    Shape,
    Sigmoid,
    Tanh,
    pair,
)
from ganforge_tensorflow import dropout
from ganforge_tensorflow.convolution import Lattice, convolve, convolve_transposed
from ganforge_tensorflow.products import product
from ganforge_tensorflow.workers import ALONE, Group

_WORTH = 1_000_000
"""Multiplications to be spared for which a few more operations are worth while."""

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
    traced: bool
    """Whether every node's output is asked for."""
    outputs: dict[str, tf.Tensor] = field(default_factory=dict)
    """By node; a residual block's after those of its inner nodes. A label that its neighbour took in has none."""
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
    traced: bool = False,
) -> Pass:
    """Pass `x`, (B, ...) of a static shape, through a network; with a `key` as in training."""
    done = Pass(arrays=arrays, labels=labels, key=key, twice=twice, group=group, parts=parts, traced=traced)
    _chain(nodes, x, done)
    return done


def _chain(nodes: tuple[Node, ...], x: tf.Tensor, done: Pass) -> tf.Tensor:
    joined: Node | None = None
    for node, following in zip_longest(nodes, nodes[1:]):
        if joined is None and following is not None and _joins_to_maps(node, following, x, done):
            joined = node
            continue
        x = done.outputs[node.name] = (
            _layer(node, x, done) if joined is None else _layer_of_joined(node, joined, x, done)
        )
        joined = None
    return x


def _layer(node: Node, x: tf.Tensor, done: Pass) -> tf.Tensor:
    match node.layer:
        case Dense():
            return _biased(node, product(x, _kernel(node, x, done.arrays)), done.arrays)
        case Conv():
            return _biased(node, _conv(node, node.layer, x, _kernel(node, x, done.arrays)), done.arrays)
        case ConvTranspose():
            return _biased(node, _conv_transpose(node, node.layer, x, _kernel(node, x, done.arrays)), done.arrays)
        case BatchNorm():
            return _batch_norm(node, node.layer, x, done)
        case Relu():
            return tf.nn.relu(x)
        case LeakyRelu(slope=slope):
            # TensorFlow's own takes its slope as float32 whatever the tensors are: 3e-9 beside it in float64.
            return tf.where(x > 0, x, slope * x) if x.dtype == tf.float64 else tf.nn.leaky_relu(x, slope)
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


# A label joined to pictures is constant maps. What a convolution makes of them is a bias for each class and place: made
# once for each class, it is cheaper than channels of every picture, and spares odd numbers of channels.


def _joins_to_maps(node: Node, following: Node, x: tf.Tensor, done: Pass) -> bool:
    """Whether the layer behind `node`, which joins a label, does better without. A trace shows what is joined."""
    if done.traced or x.shape.rank != 4 or not isinstance(node.layer, JoinLabel):
        return False
    match following.layer:
        case Conv() as layer:
            places = prod(following.output)
        case ConvTranspose() as layer:
            places = prod(x.shape[1:3]) * layer.filters
        case _:
            return False
    return (x.shape[0] - node.classes) * node.classes * prod(pair(layer.kernel)) * places > _WORTH


def _layer_of_joined(node: Node, joined: Node, x: tf.Tensor, done: Pass) -> tf.Tensor:
    kernel, classes = _kernel(node, x, done.arrays), joined.classes
    parts, ones = (joined.input[-1], classes), tf.ones((1, *x.shape[1:3], 1), x.dtype)
    match node.layer:
        case Conv() as layer:
            own, label = tf.split(kernel, parts, 2)
            x = _conv(node, layer, x, own)
            maps = _conv(node, layer, ones, tf.reshape(label, (*label.shape[:2], 1, -1)))
        case ConvTranspose() as layer:
            own, label = tf.split(kernel, parts, 3)
            x = _conv_transpose(node, layer, x, own)
            label = tf.transpose(label, (0, 1, 3, 2))
            maps = _conv_transpose(node, layer, ones, tf.reshape(label, (*label.shape[:2], -1, 1)))
    maps = tf.transpose(tf.reshape(maps, (-1, classes, node.output[-1])), (1, 0, 2))
    biases = tf.one_hot(done.labels, classes, dtype=x.dtype) @ tf.reshape(maps, (classes, -1))
    return _biased(node, x + tf.reshape(biases, x.shape), done.arrays)


def _kernel(node: Node, x: tf.Tensor, arrays: Arrays) -> tf.Tensor:
    """In the precision of what it is applied to, in which it is rounded where it is less."""
    return tf.cast(arrays[f"{node.name}/kernel"], x.dtype)


def _biased(node: Node, x: tf.Tensor, arrays: Arrays) -> tf.Tensor:
    bias = arrays.get(f"{node.name}/bias")
    return x if bias is None else tf.nn.bias_add(x, tf.cast(bias, x.dtype))


def _conv(node: Node, layer: Conv, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    small, large = _size(node.output), _size(node.input)
    return convolve(x, kernel, Lattice(small, large, pair(layer.stride), node.padding, layer.padding == "same"))


def _conv_transpose(node: Node, layer: ConvTranspose, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    small, large, same = _size(node.input), _size(node.output), layer.padding == "same"
    return convolve_transposed(x, kernel, Lattice(small, large, pair(layer.stride), node.padding, same))


def _size(shape: Shape) -> tuple[int, int]:
    height, width, _ = shape
    return height, width


def _dropout(x: tf.Tensor, number: int, rate: float, key: tf.Tensor, rows: tuple[int, ...]) -> tf.Tensor:
    starts = tuple(row * x.shape[1:].num_elements() for row in rows)
    return tf.where(dropout.kept(key, number, tuple(x.shape), rate, starts), x / (1.0 - rate), 0.0)


def _join_label(node: Node, x: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
    spread = tf.one_hot(labels, node.classes, dtype=x.dtype)
    if x.shape.rank == 4:
        spread = tf.broadcast_to(spread[:, tf.newaxis, tf.newaxis, :], (*x.shape[:3], node.classes))
    return tf.concat([x, spread], axis=-1)


def _batch_norm(node: Node, layer: BatchNorm, x: tf.Tensor, done: Pass) -> tf.Tensor:
    mean, variance = done.arrays[f"{node.name}/mean"], done.arrays[f"{node.name}/variance"]
    scale = done.arrays[f"{node.name}/scale"] if layer.scale else tf.ones_like(mean)
    offset = done.arrays[f"{node.name}/offset"] if layer.offset else tf.zeros_like(mean)
    if done.key is None:
        return (x - mean) * (scale * tf.math.rsqrt(variance + layer.epsilon)) + offset
    if done.group.count > 1 and done.group.one_batch:
        normal, done.moments[node.name] = _of_all(x, scale, offset, layer.epsilon, done.group)
    elif x.dtype != tf.float64 and not done.twice:
        normal, done.moments[node.name] = _fused(x, scale, offset, layer.epsilon)
    else:
        normal, done.moments[node.name] = _composed(x, scale, offset, layer.epsilon)
    return normal


def _fused(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float) -> tuple[tf.Tensor, Moments]:
    """One operation, whose statistics are of float32 alone; the variance that it hands out is unbiased already.

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
    given, x = x.dtype, tf.cast(x, scale.dtype)
    axes = list(range(x.shape.rank - 1))
    mean = tf.reduce_mean(x, axes)
    variance = tf.reduce_mean(tf.square(x - mean), axes)
    means, variances = tf.unstack(group.gather(tf.stack([mean, variance])), axis=1)
    mean = tf.reduce_mean(means, 0)
    variance = tf.reduce_mean(variances, 0) + tf.reduce_mean(tf.square(means - mean), 0)
    count = group.count * x.shape.num_elements() // x.shape[-1]
    normal = (x - mean) * (scale * tf.math.rsqrt(variance + epsilon)) + offset
    return tf.cast(normal, given), Moments(mean, variance * (count / (count - 1)))
