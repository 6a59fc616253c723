"""The traps of TensorFlow's own operations that the backend avoids: each is shown to be one."""

import numpy as np
import pytest
from frameworks import framework, need

from ganforge.spec.optimizers import Adam, RMSprop, Scale
from ganforge.testing import optimizers as reference

tf = need("tensorflow")

from ganforge_tensorflow import ops

OPS = framework("tensorflow").ops


def test_tensorflow_s_leaky_relu_has_a_float32_slope_and_ours_has_not() -> None:
    x = tf.constant([[-1.0, 0.0, 2.0]], tf.float64)
    ours = OPS.leaky_relu(x, 0.2).numpy()
    assert np.array_equal(ours, [[-0.2, 0.0, 2.0]])
    assert np.abs(tf.nn.leaky_relu(x, 0.2).numpy() - ours).max() > 1e-9


def _moved(optimizer: Adam | RMSprop, gradient: float) -> tuple[float, float]:
    """One update in TensorFlow and in the reference, from zero, in float64."""
    slots = {"m": np.zeros(1), "v": np.zeros(1)} if isinstance(optimizer, Adam) else {"v": np.zeros(1)}
    scale = Scale(*(tf.constant(each, tf.float64) for each in optimizer.scale(0)))
    kept = {name: {"w": tf.Variable(array)} for name, array in slots.items()}
    weights = {"w": tf.Variable(np.zeros(1))}
    update = framework("tensorflow").fast.optimizers(OPS)[type(optimizer)]
    update(optimizer, weights, {"w": tf.constant([gradient], tf.float64)}, kept, scale)
    expected, _ = reference.update(optimizer, np.zeros(1), np.array([gradient]), slots, optimizer.scale(0))
    return float(weights["w"][0]), float(expected[0])


@pytest.mark.parametrize(
    ("optimizer", "theirs"),
    [
        (Adam(learning_rate=1e-2, epsilon=1e-4, beta1=0.9), lambda keras: keras.optimizers.Adam(1e-2, epsilon=1e-4)),
        (RMSprop(learning_rate=1e-2, epsilon=1e-4), lambda keras: keras.optimizers.RMSprop(1e-2, epsilon=1e-4)),
    ],
    ids=["adam", "rmsprop"],
)
def test_keras_s_optimizers_take_other_steps_and_ours_take_the_definition_s(optimizer: object, theirs: object) -> None:
    import keras

    ours, expected = _moved(optimizer, 1e-4)  # type: ignore[arg-type]
    assert ours == pytest.approx(expected, rel=1e-14)
    weight = keras.Variable(np.zeros(1), dtype="float64")
    theirs(keras).apply([tf.constant([1e-4], tf.float64)], [weight])  # type: ignore[operator]
    assert abs(float(weight.numpy()[0]) - expected) > 0.1 * abs(expected)


def test_keras_s_adam_is_ours_with_epsilon_hat() -> None:
    import keras

    ours, _ = _moved(Adam(learning_rate=1e-2, epsilon=1e-4, beta1=0.9, epsilon_hat=True), 1e-4)
    weight = keras.Variable(np.zeros(1), dtype="float64")
    keras.optimizers.Adam(1e-2, epsilon=1e-4).apply([tf.constant([1e-4], tf.float64)], [weight])
    assert ours == pytest.approx(float(weight.numpy()[0]), rel=1e-5)  # Keras has its powers of beta in float32


def test_gradients_are_added_two_at_a_time() -> None:
    @tf.function
    def traced(x: tf.Tensor) -> list[tf.Tensor]:
        return ops.gradients(tf.sin(x) + tf.cos(x) + tf.exp(x) + tf.tanh(x), [x])

    graph = traced.get_concrete_function(tf.constant([1.0], tf.float64)).graph
    sums = [len(each.inputs) for each in graph.get_operations() if each.type == "AddN"]
    assert sums == [2, 2, 2]
