"""The pieces of the TensorFlow backend, and the traps that its own forms avoid: each is shown to be one."""

import numpy as np
import pytest
from fakes import SLOPES

from ganforge.spec import streams
from ganforge.spec.layers import LeakyRelu
from ganforge.spec.layers.contract import Layer
from ganforge.spec.network import Network, resolve
from ganforge.spec.optimizers import Adam, RMSprop
from ganforge.testing import optimizers as reference
from ganforge.testing.tiny import TINY

tf = pytest.importorskip("tensorflow")

from ganforge_tensorflow import arrays, dropout, layers, ops, optimizers  # noqa: E402


@pytest.mark.parametrize("key", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x12345678])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999])
def test_masks_are_those_of_the_streams(key: int, rate: float) -> None:
    for layer, shape in ((0, (1, 1)), (3, (7, 11, 13)), (40, (70, 1000))):
        found = dropout.kept(tf.constant(key, tf.uint32), layer, shape, rate).numpy()
        assert np.array_equal(found.ravel(), streams.dropout_mask(key, layer, found.size, rate))
        assert found.shape == shape


def test_pass_keys_are_mixed_and_wrap_around() -> None:
    for key in (0, 0xFFFFFFFE, 0xFFFFFFFF):
        words = (key + np.arange(4, dtype=np.uint64)) & np.uint64(0xFFFFFFFF)
        found = [int(dropout.pass_key(tf.constant(key, tf.uint32), number)) for number in range(4)]
        assert found == streams.hash32(words).tolist()


def test_softplus_and_its_derivatives_are_exact() -> None:
    x = np.concatenate([np.linspace(-60.0, 60.0, 4801), [-700.0, 700.0]])
    sigmoid = np.exp(-np.logaddexp(0.0, -x))

    @tf.function
    def derivatives(at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return ops.gradient(ops.softplus, at), ops.gradient(lambda y: ops.gradient(ops.softplus, y), at)

    slope, bend = derivatives(tf.constant(x))
    assert np.abs(ops.softplus(tf.constant(x)).numpy() - np.logaddexp(0.0, x)).max() < 1e-14
    assert np.abs(slope.numpy() - sigmoid).max() < 1e-14
    assert np.abs(bend.numpy() - sigmoid * (1.0 - sigmoid)).max() < 1e-14


def test_log_softmax_is_exact_far_from_zero() -> None:
    x = np.array([[1000.0, -1000.0], [3.0, 3.0], [-40.0, 0.0]])
    expected = x - np.logaddexp(x[:, :1], x[:, 1:])
    assert np.abs(ops.log_softmax(tf.constant(x)).numpy() - expected).max() < 1e-13


def made_by(layer: Layer, x: tf.Tensor) -> tf.Tensor:
    """What the one layer of a network without arrays makes of vectors."""
    return layers.forward(resolve(Network(input=(x.shape[1],), layers=(layer,))), {}, x, None).output


def test_tensorflow_s_leaky_relu_has_a_float32_slope_and_ours_has_not() -> None:
    x = tf.constant([[-1.0, 0.0, 2.0]], tf.float64)
    ours = made_by(LeakyRelu(slope=0.2), x).numpy()
    assert np.array_equal(ours, [[-0.2, 0.0, 2.0]])
    assert np.abs(tf.nn.leaky_relu(x, 0.2).numpy() - ours).max() > 1e-9


@pytest.mark.parametrize(("layer", "slopes", "bends"), SLOPES)
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_slopes_at_zero_and_far_out(layer: Layer, slopes: list[float], bends: list[float], dtype: tf.DType) -> None:
    def slope(x: tf.Tensor) -> tf.Tensor:
        return ops.gradient(lambda y: made_by(layer, y), x)

    x = tf.constant([[-800.0, 0.0, 800.0]], dtype)
    assert np.array_equal(tf.function(slope)(x).numpy(), np.array([slopes], dtype.as_numpy_dtype))
    bend = tf.function(lambda x: ops.gradient(slope, x))(x).numpy()
    assert np.array_equal(bend, np.array([bends], dtype.as_numpy_dtype))


def test_second_derivatives_of_batch_norm_are_those_of_finite_differences() -> None:
    x, step = np.random.default_rng(0).normal(size=(6, 2)), 1e-5
    scale, offset = tf.constant([1.5, 0.5], tf.float64), tf.constant([0.1, -0.2], tf.float64)

    def half_square(at: tf.Tensor) -> tf.Tensor:
        slope = ops.gradient(lambda y: layers._composed(y, scale, offset, 1e-3)[0] ** 3, at)
        return 0.5 * tf.reduce_sum(tf.square(slope))

    value, bend = tf.function(half_square), tf.function(lambda at: ops.gradient(half_square, at))
    numeric = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[place] = step
        above, below = (float(value(tf.constant(x + sign * moved))) for sign in (1, -1))
        numeric[place] = (above - below) / (2 * step)
    assert np.abs(bend(tf.constant(x)).numpy() - numeric).max() < 1e-6 * np.abs(numeric).max()


@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 3, 3)])
def test_the_fused_batch_norm_gives_what_the_composed_one_gives(shape: tuple[int, ...]) -> None:
    x = tf.constant(np.random.default_rng(0).normal(2.0, 0.5, shape).astype(np.float32))
    scale, offset = tf.constant([1.5, 0.5, 1.0]), tf.constant([0.1, -0.2, 0.0])
    fused, composed = layers._fused(x, scale, offset, 1e-3), layers._composed(x, scale, offset, 1e-3)
    assert np.abs(fused[0].numpy() - composed[0].numpy()).max() < 2e-6
    for one, other in zip(fused[1], composed[1], strict=True):
        assert np.abs(one.numpy() - other.numpy()).max() < 2e-6
    count = x.numpy().size // 3
    biased = x.numpy().reshape(-1, 3).astype(float).var(0)
    assert np.abs(fused[1].variance.numpy() - biased).max() > 0.5 * biased.max() / count  # it is the unbiased one


def _moved(optimizer: Adam | RMSprop, gradient: float) -> tuple[float, float]:
    """One update in TensorFlow and in the reference, from zero, in float64."""
    slots = {"m": np.zeros(1), "v": np.zeros(1)} if isinstance(optimizer, Adam) else {"v": np.zeros(1)}
    rate, root = optimizer.scale(0)
    kept = {name: tf.Variable(array) for name, array in slots.items()}
    weight = tf.Variable(np.zeros(1))
    gradients = tf.constant([gradient], tf.float64)
    optimizers.update(optimizer, weight, kept, gradients, tf.constant(rate, tf.float64), tf.constant(root, tf.float64))
    expected, _ = reference.update(optimizer, np.zeros(1), np.array([gradient]), slots, optimizer.scale(0))
    return float(weight[0]), float(expected[0])


@pytest.mark.parametrize(
    ("optimizer", "theirs"),
    [
        (Adam(rate=1e-2, epsilon=1e-4, beta1=0.9), lambda keras: keras.optimizers.Adam(1e-2, epsilon=1e-4)),
        (RMSprop(rate=1e-2, epsilon=1e-4), lambda keras: keras.optimizers.RMSprop(1e-2, epsilon=1e-4)),
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


def test_gradients_are_added_two_at_a_time() -> None:
    @tf.function
    def traced(x: tf.Tensor) -> list[tf.Tensor]:
        return ops.gradients(tf.sin(x) + tf.cos(x) + tf.exp(x) + tf.tanh(x), [x])

    graph = traced.get_concrete_function(tf.constant([1.0], tf.float64)).graph
    sums = [len(each.inputs) for each in graph.get_operations() if each.type == "AddN"]
    assert sums == [2, 2, 2]


def test_a_state_comes_back_bit_for_bit() -> None:
    state = TINY["labels"].initial_state(0)
    back = arrays.neutral(arrays.variables(state, tf.float64))
    assert list(back) == list(state)
    assert all(back[name].tobytes() == state[name].tobytes() for name in state)
