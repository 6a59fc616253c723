"""The update formulas of docs/semantics.md, one parameter at a time.

Not Keras's optimizers: their Adam has another epsilon, their RMSprop another root, and 1 - beta is rounded to float32
before it is used.
"""

from collections.abc import Mapping

import tensorflow as tf

from ganforge.protocol import SGD, Adam, Optimizer, RMSprop


def update(
    optimizer: Optimizer,
    variable: tf.Variable,
    slots: Mapping[str, tf.Variable],
    gradient: tf.Tensor,
    rate: tf.Tensor,
    root: tf.Tensor,
) -> None:
    """Move `variable` and its `slots` (by the names of `ganforge.protocol.slots`) by one update.

    `rate` and `root`: the update's `Scale`, scalars in the variable's precision.
    """
    g = gradient if optimizer.clip is None else tf.clip_by_value(gradient, -optimizer.clip, optimizer.clip)
    match optimizer:
        case Adam(beta1=beta1, beta2=beta2, epsilon=epsilon):
            # TensorFlow's fused operation moves `m` and the weights in one pass over memory. Its own corrections, for
            # the number of updates, are left out by powers of 0; the scale's stand in the rate and in epsilon:
            # rate / (sqrt(v) / root + epsilon) = rate * root / (sqrt(v) + epsilon * root). It rounds beta before it
            # takes it from 1, which near 1 costs digits; so `v` moves by itself, and for a beta of 1 not once more.
            slots["v"].assign_add((1.0 - beta2) * (tf.square(g) - slots["v"]))
            none = tf.zeros([], g.dtype)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=slots["m"].handle,
                v=slots["v"].handle,
                beta1_power=none,
                beta2_power=none,
                lr=rate * root,
                beta1=tf.constant(beta1, g.dtype),
                beta2=none + 1.0,
                epsilon=epsilon * root,
                grad=g,
            )
        case RMSprop(rho=rho, epsilon=epsilon, epsilon_inside_sqrt=inside):
            v = slots["v"].assign(rho * slots["v"] + (1.0 - rho) * tf.square(g), read_value=True)
            variable.assign_sub(rate * g / (tf.sqrt(v + epsilon) if inside else tf.sqrt(v) + epsilon))
        case SGD(momentum=momentum):
            b = slots["b"].assign(momentum * slots["b"] + g, read_value=True) if momentum else g
            variable.assign_sub(rate * b)


def average(averaged: tf.Variable, weights: tf.Variable, kept: tf.Tensor) -> None:
    """averaged = kept * averaged + (1 - kept) * weights; `kept` is a float64 scalar, and subtracted as one."""
    keep, take = tf.cast(kept, averaged.dtype), tf.cast(1.0 - kept, averaged.dtype)
    averaged.assign(keep * averaged + take * weights)
