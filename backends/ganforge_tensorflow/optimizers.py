"""The update formulas of docs/semantics.md, one parameter at a time.

Not Keras's optimizers: their Adam has another epsilon, their RMSprop another root, and 1 - beta is rounded to float32
before it is used.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from math import prod

import tensorflow as tf

from ganforge.spec import SGD, Adam, Optimizer, RMSprop

_LARGE = 2**18
"""Elements of an array whose update is compiled: for fewer, a step gains less than compiling costs a start."""


def update(
    optimizer: Optimizer,
    variable: tf.Variable,
    slots: Mapping[str, tf.Variable],
    gradient: tf.Tensor,
    rate: tf.Tensor,
    root: tf.Tensor,
) -> None:
    """Move `variable` and its `slots` (by the names of `ganforge.spec.slots`) by one update.

    `rate` and `root`: the update's `Scale`, scalars in the variable's precision.
    """
    if _compiles(variable):
        _compiled(_by_formula, optimizer)(variable, slots, gradient, rate, root)
    elif isinstance(optimizer, Adam):
        _by_operation(optimizer, variable, slots, gradient, rate, root)
    else:
        _by_formula(optimizer, variable, slots, gradient, rate, root)


def average(averaged: tf.Variable, weights: tf.Variable, kept: tf.Tensor) -> None:
    """averaged = kept * averaged + (1 - kept) * weights; `kept` is a float64 scalar, and subtracted as one."""
    keep, take = tf.cast(kept, averaged.dtype), tf.cast(1.0 - kept, averaged.dtype)
    (_compiled(_mix) if _compiles(averaged) else _mix)(averaged, weights, keep, take)


def _compiles(variable: tf.Variable) -> bool:
    """Whether XLA makes one pass over memory of what are up to nine operations; not every system's package has it."""
    return sys.platform == "linux" and "CPU" in variable.device and prod(variable.shape) >= _LARGE


@cache
def _compiled(function: Callable[..., None], *fixed: Optimizer) -> Callable[..., None]:
    """For variables of equal shapes it is compiled once."""
    return tf.function(partial(function, *fixed), autograph=False, jit_compile=True)  # type: ignore[no-any-return]


def _by_formula(
    optimizer: Optimizer,
    variable: tf.Variable,
    slots: Mapping[str, tf.Variable],
    gradient: tf.Tensor,
    rate: tf.Tensor,
    root: tf.Tensor,
) -> None:
    g = _clipped(optimizer, gradient)
    match optimizer:
        case Adam(beta1=beta1, beta2=beta2, epsilon=epsilon):
            m = slots["m"].assign(beta1 * slots["m"] + (1.0 - beta1) * g, read_value=True)
            v = slots["v"].assign(beta2 * slots["v"] + (1.0 - beta2) * tf.square(g), read_value=True)
            variable.assign_sub(rate * m / (tf.sqrt(v) / root + epsilon))
        case RMSprop(rho=rho, epsilon=epsilon, epsilon_inside_sqrt=inside):
            v = slots["v"].assign(rho * slots["v"] + (1.0 - rho) * tf.square(g), read_value=True)
            variable.assign_sub(rate * g / (tf.sqrt(v + epsilon) if inside else tf.sqrt(v) + epsilon))
        case SGD(momentum=momentum):
            b = slots["b"].assign(momentum * slots["b"] + g, read_value=True) if momentum else g
            variable.assign_sub(rate * b)


def _by_operation(
    optimizer: Adam,
    variable: tf.Variable,
    slots: Mapping[str, tf.Variable],
    gradient: tf.Tensor,
    rate: tf.Tensor,
    root: tf.Tensor,
) -> None:
    """TensorFlow's fused operation, which moves `m` and the weights.

    Its own corrections, for the number of updates, are left out by powers of 0; the scale's stand in the rate and in
    epsilon: rate / (sqrt(v) / root + epsilon) = rate * root / (sqrt(v) + epsilon * root). It rounds beta before it
    takes it from 1, which near 1 costs digits; so `v` moves by itself, and for a beta of 1 not once more.
    """
    g = _clipped(optimizer, gradient)
    slots["v"].assign_add((1.0 - optimizer.beta2) * (tf.square(g) - slots["v"]))
    none = tf.zeros([], g.dtype)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=slots["m"].handle,
        v=slots["v"].handle,
        beta1_power=none,
        beta2_power=none,
        lr=rate * root,
        beta1=tf.constant(optimizer.beta1, g.dtype),
        beta2=none + 1.0,
        epsilon=optimizer.epsilon * root,
        grad=g,
    )


def _clipped(optimizer: Optimizer, gradient: tf.Tensor) -> tf.Tensor:
    return gradient if optimizer.clip is None else tf.clip_by_value(gradient, -optimizer.clip, optimizer.clip)


def _mix(averaged: tf.Variable, weights: tf.Variable, keep: tf.Tensor, take: tf.Tensor) -> None:
    averaged.assign(keep * averaged + take * weights)
