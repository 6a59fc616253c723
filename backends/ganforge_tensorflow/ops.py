"""The `Ops` of ganforge.losses in TensorFlow; this module itself is what a loss is given."""

from collections.abc import Callable

import tensorflow as tf

mean = tf.reduce_mean
square = tf.square
sqrt = tf.sqrt
relu = tf.nn.relu
softplus = tf.nn.softplus


def sum_each(x: tf.Tensor) -> tf.Tensor:
    """Sum over all axes but the first."""
    return tf.reduce_sum(x, axis=list(range(1, x.shape.rank)))


def log_softmax(x: tf.Tensor) -> tf.Tensor:
    """Over the last axis."""
    return tf.nn.log_softmax(x, axis=-1)


def gradient(function: Callable[[tf.Tensor], tf.Tensor], at: tf.Tensor) -> tf.Tensor:
    """Gradient of sum(function(at)) with respect to `at`; an outer tape sees through it."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(at)
        value = function(at)
    return tape.gradient(value, at)
