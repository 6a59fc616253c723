"""TensorFlow's faster ways to the core's numbers: one operation for a batch norm, updates of variables in one pass."""

import sys
from collections.abc import Callable, Hashable, Mapping
from functools import cache, partial
from math import prod
from typing import Any, TypeAlias

import tensorflow as tf

from ganforge.backend import FastForms, UpdatedList, label_as_bias
from ganforge.spec import (
    SGD,
    Adam,
    BatchNorm,
    Conv,
    ConvTranspose,
    JoinLabel,
    Node,
    Optimizer,
    Pass,
    RMSprop,
    Scale,
)
from ganforge_tensorflow.ops import TensorFlowOps

Variables: TypeAlias = dict[str, tf.Variable]

_LABEL_WORTH = 1_000_000
"""Multiplications to be spared for which a label is better joined as a bias."""
_LARGE = 2**18
"""Elements of an array whose update is compiled: for fewer, a step gains less than compiling costs a start."""


def _batch_norm(node: Node, x: tf.Tensor, run: Pass) -> tf.Tensor | None:
    """One operation, whose statistics are of float32 alone; the variance that it hands out is unbiased already.

    Its second derivative is TensorFlow's to sum, in no fixed order, so not where one is wanted.
    """
    layer = node.layer
    assert isinstance(layer, BatchNorm)
    apart = run.replicas.count > 1 and run.replicas.one_batch
    if not run.training or apart or run.second_order or x.dtype == tf.float64:
        return None
    mean, scale, offset = run.array(node, "mean"), run.array(node, "scale"), run.array(node, "offset")
    image = x if x.shape.rank == 4 else x[:, tf.newaxis, tf.newaxis, :]
    unset = tf.constant([], tf.float32)
    normal, seen_mean, seen_variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=image,
        scale=tf.ones_like(mean) if scale is None else scale,
        offset=tf.zeros_like(mean) if offset is None else offset,
        mean=unset,
        variance=unset,
        epsilon=layer.epsilon,
        is_training=True,
    )
    if run.moving:
        layer.move(node, run, seen_mean, seen_variance)
    return tf.reshape(normal, x.shape)


# Optimizers ----------------------------------------------------------------------------------------------------------


def optimizers(ops: TensorFlowOps) -> dict[type[Optimizer], Callable[..., UpdatedList]]:
    """Updates of variables in place, an array at a time."""
    update = partial(_update, ops)
    return {Adam: update, RMSprop: update, SGD: update}


def _update(
    ops: TensorFlowOps,
    optimizer: Any,
    weights: Variables,
    gradients: dict[str, tf.Tensor],
    slots: Mapping[str, Variables],
    scale: Scale,
) -> UpdatedList:
    for name, gradient in gradients.items():
        kept = {slot: variables[name] for slot, variables in slots.items()}
        if optimizer.clip is not None:
            gradient = tf.clip_by_value(gradient, -optimizer.clip, optimizer.clip)
        if _compiles(weights[name]):
            _compiled(_by_formula, ops, optimizer)(weights[name], kept, gradient, *scale)
        elif isinstance(optimizer, Adam):
            _by_operation(optimizer, weights[name], kept, gradient, scale)
        else:
            _by_formula(ops, optimizer, weights[name], kept, gradient, *scale)
    return UpdatedList(weights, slots)


def average(averaged: Variables, weights: Variables, kept: tf.Tensor, taken: tf.Tensor) -> Variables:
    """kept * averaged + taken * weights, in place."""
    for name, variable in averaged.items():
        (_compiled(_mix) if _compiles(variable) else _mix)(variable, weights[name], kept, taken)
    return averaged


def _compiles(variable: tf.Variable) -> bool:
    """Whether XLA makes one pass over memory of what are up to nine operations; not every system's package has it."""
    return sys.platform == "linux" and "CPU" in variable.device and prod(variable.shape) >= _LARGE


@cache
def _compiled(function: Callable[..., None], *fixed: Hashable) -> Callable[..., None]:
    """For variables of equal shapes it is compiled once."""
    return tf.function(partial(function, *fixed), autograph=False, jit_compile=True)


def _by_formula(
    ops: TensorFlowOps,
    optimizer: Optimizer,
    variable: tf.Variable,
    slots: Mapping[str, tf.Variable],
    gradient: tf.Tensor,
    *numbers: tf.Tensor,
) -> None:
    updated = optimizer.update(ops, variable, gradient, slots, Scale(*numbers))
    for slot, value in updated.slots.items():
        slots[slot].assign(value)
    variable.assign(updated.weight)


def _by_operation(
    optimizer: Adam,
    variable: tf.Variable,
    slots: Mapping[str, tf.Variable],
    gradient: tf.Tensor,
    scale: Scale,
) -> None:
    """TensorFlow's fused operation, which moves `m` and the weights.

    Its own corrections, for the number of updates, are left out by powers of 0; the scale's stand in the rate and in
    epsilon: rate / (sqrt(v) / root + epsilon) = rate * root / (sqrt(v) + epsilon * root). It rounds beta before it
    takes it from 1, which near 1 costs digits; so `v` moves by itself, and for a beta of 1 not once more.
    """
    if optimizer.weight_decay:
        variable.assign_sub(scale.shrink * variable)
    slots["v"].assign_add(optimizer.second(scale)[1] * (tf.square(gradient) - slots["v"]))
    none = tf.zeros([], gradient.dtype)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=slots["m"].handle,
        v=slots["v"].handle,
        beta1_power=none,
        beta2_power=none,
        lr=scale.rate * scale.root,
        beta1=tf.constant(optimizer.beta1, gradient.dtype),
        beta2=none + 1.0,
        epsilon=optimizer.epsilon * scale.root,
        grad=gradient,
    )


def _mix(averaged: tf.Variable, weights: tf.Variable, kept: tf.Tensor, taken: tf.Tensor) -> None:
    averaged.assign(kept * averaged + taken * weights)


_label = label_as_bias(_LABEL_WORTH)


def fast_forms(ops: TensorFlowOps) -> FastForms:
    """All of them."""
    return FastForms(
        layers={BatchNorm: _batch_norm},
        pairs={(JoinLabel, Conv): _label, (JoinLabel, ConvTranspose): _label},
        optimizers=optimizers(ops),
        average=average,
    )
