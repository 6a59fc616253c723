"""Operations whose numbers the definitions fix, in every framework: masks, derivatives at corners and far out."""

import math
from typing import Any

import numpy as np
import pytest
from fakes import SLOPES
from frameworks import FRAMEWORKS, Framework, framework, need, open_session

from ganforge.backend.forward import forward
from ganforge.spec import random_streams
from ganforge.spec.layers import BatchNorm
from ganforge.spec.layers.contract import Layer
from ganforge.spec.network import Network, resolve
from ganforge.testing.tiny_gans import TINY


@pytest.fixture(params=FRAMEWORKS)
def there(request: pytest.FixtureRequest) -> Framework:
    return framework(request.param)


# Randomness ----------------------------------------------------------------------------------------------------------

KEYS = [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x12345678]
RATES = [0.0, 0.1, 0.5, 0.999]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("rate", RATES)
def test_masks_are_those_of_the_streams(there: Framework, key: int, rate: float) -> None:
    like = there.tensor(np.zeros(1))
    for layer, shape in ((0, (1, 1)), (3, (7, 11, 13)), (40, (70, 1000))):
        made = there.ops.dropout_mask(there.key(key), layer, shape, rate, (0,), like)
        (found,) = there.call(lambda made=made: [made])
        assert np.array_equal(found.ravel(), random_streams.dropout_mask(key, layer, found.size, rate))
        assert found.shape == shape
        assert found.size < 1000 or abs(found.mean() - (1.0 - rate)) < 0.06


@pytest.mark.parametrize("key", KEYS)
def test_masks_of_parts_are_parts_of_the_mask(there: Framework, key: int) -> None:
    """As workers have them, each with its rows."""
    whole = random_streams.dropout_mask(key, 3, 900, 0.5)
    for starts in ((300,), (0, 450), (150, 600, 750)):
        shape = (len(starts) * 5, 30)
        made = there.ops.dropout_mask(there.key(key), 3, shape, 0.5, starts, there.tensor(np.zeros(1)))
        (found,) = there.call(lambda made=made: [made])
        assert np.array_equal(found.ravel(), np.concatenate([whole[start : start + 150] for start in starts]))


@pytest.mark.parametrize("start", [2**31 - 50, 2**32 - 50, 2**33 + 7])
def test_positions_wrap_around(there: Framework, start: int) -> None:
    made = there.ops.dropout_mask(there.key(5), 3, (10, 10), 0.5, (start,), there.tensor(np.zeros(1)))
    (found,) = there.call(lambda: [made])
    words = ((start + np.arange(100)) & 0xFFFFFFFF).astype(np.uint64)
    place = random_streams.hash32(np.array([(5 + 0x9E3779B9 * 4) & 0xFFFFFFFF], np.uint64))
    hashed = random_streams.hash32(random_streams.hash32(words) ^ place)
    assert np.array_equal(found.ravel(), hashed >= random_streams.dropped_below(0.5))


def test_pass_keys_are_mixed_and_wrap_around(there: Framework) -> None:
    for key in (0, 0xFFFFFFFE, 0xFFFFFFFF):
        words = (key + np.arange(4, dtype=np.uint64)) & np.uint64(0xFFFFFFFF)
        found = [int(there.ops.fold_in(there.key(key), number)) for number in range(4)]
        assert found == random_streams.hash32(words).tolist()


# Derivatives ---------------------------------------------------------------------------------------------------------


def derivatives(there: Framework, function: Any, x: np.ndarray) -> list[np.ndarray]:
    """Of an elementwise function: its values, slopes and bends."""
    ops = there.ops

    def found(at: Any) -> list[Any]:
        def slope(y: Any) -> Any:
            return ops.gradient(function, y)

        # A slope of numbers alone has no graph.
        return [function(at), slope(at), ops.gradient(lambda y: slope(y) + 0.0 * y, at)]

    return there.call(found, there.tensor(x))


def test_softplus_and_its_derivatives_are_exact(there: Framework) -> None:
    x = np.concatenate([np.linspace(-60.0, 60.0, 4801), [-700.0, 700.0]])
    sigmoid = np.exp(-np.logaddexp(0.0, -x))
    value, slope, bend = derivatives(there, there.ops.softplus, x)
    assert np.abs(value - np.logaddexp(0.0, x)).max() < 1e-14
    assert np.abs(slope - sigmoid).max() < 1e-14
    assert np.abs(bend - sigmoid * (1.0 - sigmoid)).max() < 1e-14


def test_log_softmax_is_exact_far_from_zero(there: Framework) -> None:
    x = np.array([[1000.0, -1000.0], [3.0, 3.0], [-40.0, 0.0]])
    expected = x - np.logaddexp(x[:, :1], x[:, 1:])
    (found,) = there.call(lambda x: [there.ops.log_softmax(x)], there.tensor(x))
    assert np.abs(found - expected).max() < 1e-13


def test_a_gradient_can_be_differentiated_again(there: Framework) -> None:
    x = np.array([[1.0], [2.0]])
    value, slope, bend = derivatives(there, lambda y: 3.0 * y**3, x)
    assert np.array_equal(value, 3.0 * x**3)
    assert np.array_equal(slope, 9.0 * x**2)
    assert np.array_equal(bend, 18.0 * x)


@pytest.mark.parametrize(("layer", "slopes", "bends"), SLOPES)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_slopes_at_zero_and_far_out(
    there: Framework, layer: Layer, slopes: list[float], bends: list[float], precision: Any
) -> None:
    runtime = open_session(there.name, TINY["adam"], precision)._runtime
    nodes = resolve(Network(input=(3,), layers=(layer,)))

    def made(x: Any) -> Any:
        return forward(runtime, nodes, {}, x, None)[0]

    _, slope, bend = derivatives(there, made, np.array([[-800.0, 0.0, 800.0]], precision))
    assert slope.dtype == bend.dtype == precision
    assert np.array_equal(slope, np.array([slopes], precision))
    assert np.array_equal(bend, np.array([bends], precision))


EQUAL = np.array([[0.0, 0.0, 1.0, 3.0], [0.0, 0.0, 3.0, 0.0]])[None, :, :, None]
FIRST = [[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]


def test_of_equal_numbers_the_first_has_the_derivative_of_a_max_pool(there: Framework) -> None:
    def pool(x: Any) -> Any:
        return there.ops.max_pool(x, (2, 2), (2, 2), ((0, 0), (0, 0)))

    (found,) = there.call(lambda x: [there.ops.gradient(pool, x)], there.tensor(EQUAL))
    assert found[0, :, :, 0].tolist() == FIRST


def test_of_equal_numbers_the_first_has_the_derivative_in_the_reference_too() -> None:
    need("autograd")
    from ganforge.testing.ops import NUMPY_OPS

    found = NUMPY_OPS.gradient(lambda x: NUMPY_OPS.max_pool(x, (2, 2), (2, 2), ((0, 0), (0, 0))), EQUAL)
    assert found[0, :, :, 0].tolist() == FIRST


def test_erf_and_its_derivatives_are_exact(there: Framework) -> None:
    x = np.linspace(-6.0, 6.0, 481)
    value, slope, bend = derivatives(there, there.ops.erf, x)
    density = 2.0 / math.sqrt(math.pi) * np.exp(-x * x)
    assert np.abs(value - np.array([math.erf(each) for each in x])).max() < 1e-15
    assert np.abs(slope - density).max() < 1e-15
    assert np.abs(bend + 2.0 * x * density).max() < 1e-14


@pytest.mark.parametrize("plain", [False, True])
def test_second_derivatives_of_batch_norm_are_those_of_finite_differences(
    there: Framework, plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANFORGE_PLAIN", str(int(plain)))
    runtime, ops = open_session(there.name, TINY["adam"])._runtime, there.ops
    nodes = resolve(Network(input=(2,), layers=(BatchNorm(decay=0.9, epsilon=1e-3),)))
    arrays = {"scale": [1.5, 0.5], "offset": [0.1, -0.2], "mean": [0.0, 0.0], "variance": [1.0, 1.0]}
    held = {f"00_batch_norm/{name}": there.tensor(np.array(each)) for name, each in arrays.items()}
    x, step = np.random.default_rng(0).normal(size=(6, 2)), 1e-5

    def normal(y: Any) -> Any:
        return forward(runtime, nodes, held, y, None, key=there.key(1), second_order=True)[0] ** 3

    def half_square(at: Any) -> Any:
        return 0.5 * ops.sum_over(ops.square(ops.gradient(normal, at)), (0, 1))

    function = there.compiled(half_square)

    def value(at: np.ndarray) -> float:
        return float(function(there.tensor(at)))

    numeric = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[place] = step
        numeric[place] = (value(x + moved) - value(x - moved)) / (2 * step)
    (bend,) = there.call(lambda y: [ops.gradient(half_square, y)], there.tensor(x))
    assert np.abs(bend - numeric).max() < 1e-6 * np.abs(numeric).max()
