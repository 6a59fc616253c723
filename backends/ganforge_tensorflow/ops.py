"""The `Ops` of ganforge.spec.losses in TensorFlow; this module itself is what a loss is given."""

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
    """Gradient of sum(function(at)) with respect to `at`, itself differentiable."""
    return gradients(function(at), [at])[0]


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
