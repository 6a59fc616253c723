"""Every form of a convolution is the same function, with the same gradients, once and twice differentiated."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest

from ganforge.spec.optimizers import SGD, Adam, Optimizer, RMSprop
from ganforge.testing import optimizers as reference
from ganforge.testing.reference import open_reference
from ganforge.testing.tiny import TINY, inputs

tf = pytest.importorskip("tensorflow")

from ganforge_tensorflow import convolution, layers, optimizers  # noqa: E402
from ganforge_tensorflow.convolution import Lattice, convolve, convolve_transposed  # noqa: E402
from ganforge_tensorflow.session import open_session  # noqa: E402

Sides = tuple[tuple[int, int], tuple[int, int]]
Case = tuple[tuple[int, int], tuple[int, int], tuple[int, int], Sides]

CASES = [
    # large size, kernel, stride, (low, high) of both axes
    pytest.param((8, 8), (4, 4), (2, 2), ((1, 1), (1, 1)), id="dcgan"),
    pytest.param((7, 9), (5, 5), (2, 2), ((1, 2), (1, 2)), id="odd"),
    pytest.param((14, 14), (5, 5), (2, 2), ((1, 2), (2, 1)), id="uneven"),
    pytest.param((9, 7), (3, 4), (3, 3), ((0, 2), (3, 0)), id="stride-3"),
    pytest.param((8, 6), (5, 3), (1, 1), ((2, 2), (1, 1)), id="stride-1"),
    pytest.param((7, 8), (2, 2), (2, 2), ((0, 0), (0, 0)), id="a-row-that-no-window-reaches"),
    pytest.param((7, 7), (3, 3), (2, 2), ((3, 3), (3, 3)), id="margin-as-wide-as-the-kernel"),
    pytest.param((4, 4), (4, 4), (1, 1), ((0, 0), (0, 0)), id="one-window"),
    pytest.param((8, 8), (4, 4), (2, 1), ((1, 1), (1, 2)), id="two-strides"),
]


@pytest.fixture(params=product((0, 10**9), (0, 10**9)), ids=str)
def forms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which shapes take which form, by force."""
    few, many = request.param
    monkeypatch.setattr(convolution, "_FEW", few)
    monkeypatch.setattr(convolution, "_MANY_OTHERWISE", many)


def lattice(size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: Sides) -> Lattice:
    high, wide = (
        (extent + low + up - width) // step + 1
        for extent, width, step, (low, up) in zip(size, kernel, stride, padding, strict=True)
    )
    return Lattice((high, wide), size, stride, padding, False)


def arrays(*shapes: Sequence[int]) -> list[tf.Tensor]:
    stream = np.random.default_rng(3)
    return [tf.constant(stream.normal(size=shape)) for shape in shapes]


def derived(function: Callable[..., tf.Tensor], given: list[tf.Tensor]) -> list[np.ndarray]:
    """Values, gradients, and gradients of the gradients' squares."""

    @tf.function(autograph=False)
    def traced(*arguments: tf.Tensor) -> list[tf.Tensor]:
        y = function(*arguments)
        weights = tf.reshape(tf.linspace(tf.constant(-1.0, y.dtype), 1.0, y.shape.num_elements()), y.shape)
        first = tf.gradients(tf.reduce_sum(y * y * weights), arguments)
        second = tf.gradients(tf.add_n([tf.reduce_sum(tf.square(each)) for each in first]), arguments)
        return [y, *first, *second]

    return [each.numpy() for each in traced(*given)]


def agree(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, rtol=1e-11, atol=1e-11 * np.abs(theirs).max())


@pytest.mark.usefixtures("forms")
@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_a_convolution_is_the_same_in_every_form(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: Sides,
) -> None:
    given, on = arrays((2, *size, 3), (*kernel, 3, 4)), lattice(size, kernel, stride, padding)

    def plain(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(tf.pad(x, [(0, 0), *padding, (0, 0)]), kernel, stride, "VALID")

    agree(derived(lambda x, kernel: convolve(x, kernel, on), given), derived(plain, given))


@pytest.mark.usefixtures("forms")
@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_a_transposed_convolution_is_the_same_in_every_form(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: Sides,
) -> None:
    on = lattice(size, kernel, stride, padding)
    whole = [(n - 1) * step + width for n, step, width in zip(on.small, stride, kernel, strict=True)]
    size = tuple(min(extent, reach - low) for extent, reach, (low, _) in zip(size, whole, padding, strict=True))
    padding = tuple((low, reach - low - extent) for extent, reach, (low, _) in zip(size, whole, padding, strict=True))
    on = Lattice(on.small, size, stride, padding, False)
    given = arrays((2, *on.small, 4), (*kernel, 3, 4))

    def plain(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        (top, _), (left, _) = padding
        full = tf.nn.conv2d_transpose(x, kernel, (2, *whole, 3), stride, "VALID")
        return full[:, top : top + size[0], left : left + size[1]]

    agree(derived(lambda x, kernel: convolve_transposed(x, kernel, on), given), derived(plain, given))


@pytest.mark.parametrize("name", [name for name, gan in TINY.items() if gan.classes])
def test_labels_joined_to_pictures_may_be_biases(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gan = TINY[name]
    monkeypatch.setattr(layers, "_WORTH", -(10**12))
    fed, state = inputs(gan, 1, 0), gan.initial_state(1)
    session, exact = open_session(gan, state, "float64", "cpu"), open_reference(gan, state)
    found, expected = session.gradients(fed), exact.gradients(fed)
    for array, gradient in expected.items():
        assert np.allclose(found[array], gradient, rtol=1e-11, atol=1e-13), array
    scalars, others = session.step(fed), exact.step(fed)
    assert all(abs(float(scalars[each]) - float(others[each])) < 1e-12 for each in others)


@pytest.mark.parametrize(
    "optimizer",
    [
        Adam(rate=1e-2, beta1=0.5, beta2=0.999, clip=0.5),
        RMSprop(rate=1e-2, epsilon=1e-4),
        RMSprop(rate=1e-2, epsilon=1e-4, epsilon_inside_sqrt=True),
        SGD(rate=1e-2, momentum=0.9),
        SGD(rate=1e-2),
    ],
    ids=str,
)
@pytest.mark.parametrize("large", [0, 10**9], ids=["compiled", "not"])
def test_large_arrays_move_as_small_ones_do(optimizer: Optimizer, large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers, "_LARGE", large)
    stream = np.random.default_rng(5)
    weight, kept = stream.normal(size=(3, 5)), {slot: stream.normal(size=(3, 5)) ** 2 for slot in optimizer.slots()}
    variable, own = tf.Variable(weight), {slot: tf.Variable(array) for slot, array in kept.items()}
    for count in range(3):
        gradient, (rate, root) = stream.normal(size=(3, 5)), optimizer.scale(count)
        weight, kept = reference.update(optimizer, weight, gradient, kept, optimizer.scale(count))
        optimizers.update(
            optimizer,
            variable,
            own,
            tf.constant(gradient),
            tf.constant(rate, tf.float64),
            tf.constant(root, tf.float64),
        )
    assert np.allclose(variable.numpy(), weight, rtol=1e-13, atol=1e-14)
    for slot, array in kept.items():
        assert np.allclose(own[slot].numpy(), array, rtol=1e-13, atol=1e-15)


def test_a_large_average_moves_as_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers, "_LARGE", 0)
    averaged, weights = tf.Variable([1.0, 2.0]), tf.Variable([3.0, -4.0])
    optimizers.average(averaged, weights, tf.constant(0.75, tf.float64))
    assert averaged.numpy().tolist() == [1.5, 0.5]
