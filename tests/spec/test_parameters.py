"""Every array of a network: names, shapes and fans written out by hand, and the values that it starts with."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganforge.spec.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Flatten,
    JoinLabel,
    Relu,
    Reshape,
    Residual,
    Upsample,
    initializers,
)
from ganforge.spec.layers.contract import Layer, Parameter, Shape
from ganforge.spec.network import Network, resolve
from ganforge.spec.parameters import initial, parameters

NORM = BatchNorm(decay=0.9, epsilon=1e-5)


def of(*layers: Layer, shape: Shape = (6,), classes: int = 0, **options: bool) -> dict[str, Parameter]:
    network = Network(input=shape, layers=layers, classes=classes)
    return {each.name: each for each in parameters(resolve(network), **options)}


def still(*layers: Layer, **options: object) -> set[str]:
    return {name for name, each in of(*layers, **options).items() if each.zero_gradient}  # type: ignore[arg-type]


def test_names_shapes_and_order() -> None:
    found = of(
        JoinLabel(),
        Dense(units=12),
        NORM,
        Reshape(shape=(2, 2, 3)),
        ConvTranspose(filters=5, kernel=(4, 3), stride=2),
        Residual(layers=(Conv(filters=5, kernel=3, bias=False), BatchNorm(decay=0.5, epsilon=1.0, scale=False))),
        Conv(filters=2, kernel=(1, 2), stride=2),
        Flatten(),
        Dense(units=1, bias=False),
        classes=2,
    )
    assert [(name, each.shape) for name, each in found.items()] == [
        ("01_dense/kernel", (8, 12)),
        ("01_dense/bias", (12,)),
        ("02_batch_norm/scale", (12,)),
        ("02_batch_norm/offset", (12,)),
        ("02_batch_norm/mean", (12,)),
        ("02_batch_norm/variance", (12,)),
        ("04_conv_transpose/kernel", (4, 3, 5, 3)),  # out before in
        ("04_conv_transpose/bias", (5,)),
        ("05_residual/00_conv/kernel", (3, 3, 5, 5)),
        ("05_residual/01_batch_norm/offset", (5,)),
        ("05_residual/01_batch_norm/mean", (5,)),
        ("05_residual/01_batch_norm/variance", (5,)),
        ("06_conv/kernel", (1, 2, 5, 2)),  # in before out
        ("06_conv/bias", (2,)),
        ("08_dense/kernel", (8, 1)),
    ]
    assert {name for name, each in found.items() if not each.trained} == {
        "02_batch_norm/mean",
        "02_batch_norm/variance",
        "05_residual/01_batch_norm/mean",
        "05_residual/01_batch_norm/variance",
    }


def test_fans_count_the_inputs_and_outputs_of_a_kernel() -> None:
    found = of(
        Reshape(shape=(1, 2, 3)), ConvTranspose(filters=5, kernel=(4, 3)), Conv(filters=2, kernel=(1, 2)), Flatten(),
        Dense(units=7),
    )  # fmt: skip
    fans = [(each.fan_in, each.fan_out) for name, each in found.items() if name.endswith("kernel")]
    assert fans == [(4 * 3 * 3, 4 * 3 * 5), (1 * 2 * 5, 1 * 2 * 2), (1 * 2 * 2, 7)]


def test_running_statistics_start_at_zero_and_one() -> None:
    state = initial(tuple(of(Dense(units=3), NORM).values()), seed=0, network="generator")
    assert state["generator/01_batch_norm/mean"].tolist() == [0, 0, 0]
    assert state["generator/01_batch_norm/variance"].tolist() == [1, 1, 1]
    assert state["generator/01_batch_norm/scale"].tolist() == [1, 1, 1]
    assert state["generator/01_batch_norm/offset"].tolist() == [0, 0, 0]


IMAGE = Reshape(shape=(1, 2, 3))


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((Dense(units=4), NORM), {"00_dense/bias"}),
        ((Dense(units=4), Relu(), NORM), set()),
        ((Dense(units=4), NORM, NORM), {"00_dense/bias", "01_batch_norm/offset"}),
        ((Dense(units=4, bias=False), NORM), set()),
        ((Dense(units=4), NORM, Dense(units=1)), {"00_dense/bias"}),
        ((IMAGE, Conv(filters=2, kernel=1), NORM), {"01_conv/bias"}),
        ((IMAGE, ConvTranspose(filters=2, kernel=1), NORM), {"01_conv_transpose/bias"}),
        ((IMAGE, Conv(filters=2, kernel=1), Flatten(), NORM), {"01_conv/bias"}),
        ((Dense(units=4), JoinLabel(), NORM), {"00_dense/bias"}),
        # A unit's bias is not a channel's: batch norm takes away only the mean of those that share a channel.
        ((Dense(units=8), Reshape(shape=(2, 2, 2)), NORM), set()),
        ((Dense(units=4), Dropout(rate=0.5), NORM), set()),
        ((Dense(units=6), Residual(layers=(Dense(units=6),)), NORM), {"01_residual/00_dense/bias"}),
        ((Residual(layers=(Dense(units=6), NORM, Dense(units=6))), Relu()), {"00_residual/00_dense/bias"}),
        # What goes in is added to what comes out, so that the batch norm inside does not cancel it.
        ((Dense(units=6), Residual(layers=(NORM,))), set()),
        # Behind the block it is: the norm inside cancels one way, the shortcut hands the other on.
        ((Dense(units=6), Residual(layers=(NORM,)), NORM), {"00_dense/bias", "01_residual/00_batch_norm/offset"}),
        ((Dense(units=6), Residual(layers=(NORM, Relu())), NORM), {"00_dense/bias"}),
        ((Dense(units=6), Residual(layers=(Relu(), NORM)), NORM), {"01_residual/01_batch_norm/offset"}),
        (
            (
                IMAGE,
                Conv(filters=2, kernel=3),
                Residual(layers=(NORM, Relu()), shortcut=(Upsample(factor=1), Conv(filters=2, kernel=1))),
                NORM,
            ),
            {"01_conv/bias", "02_residual/shortcut/01_conv/bias"},
        ),
        # With zeros around it a convolution makes less of the number at the border.
        (
            (
                IMAGE,
                Conv(filters=2, kernel=3),
                Residual(layers=(NORM, Relu()), shortcut=(Conv(filters=2, kernel=3),)),
                NORM,
            ),
            {"02_residual/shortcut/00_conv/bias"},
        ),
        ((Residual(layers=(Relu(),)), NORM), set()),
        ((Residual(layers=()), NORM), set()),
    ],
    ids=lambda value: " ".join(layer.__struct_config__.tag for layer in value) if isinstance(value, tuple) else "",
)
def test_still_biases(layers: tuple[Layer, ...], expected: set[str]) -> None:
    assert still(*layers, classes=3) == expected


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((Dense(units=4), Dense(units=1)), "01_dense/bias"),
        ((Reshape(shape=(1, 1, 6)), Conv(filters=1, kernel=1), Flatten()), "01_conv/bias"),  # as dcgan ends
    ],
)
def test_the_last_bias_is_still_where_the_loss_does_not_see_a_shift(layers: tuple[Layer, ...], expected: str) -> None:
    assert still(*layers) == set()
    assert still(*layers, zero_last_bias=True) == {expected}


def test_a_cancelled_bias_changes_nothing_behind_the_batch_norm() -> None:
    """What `still` claims, in numbers: conv, flatten, batch norm."""
    stream = np.random.default_rng(0)
    x, bias = stream.normal(size=(9, 2, 2, 3)), stream.normal(size=3)

    def normalised(values: np.ndarray) -> np.ndarray:
        flat = values.reshape(9, 12)
        return (flat - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5)

    assert np.allclose(normalised(x), normalised(x + bias), atol=1e-12)


def drawn(
    init: initializers.Init, shape: tuple[int, ...] = (50, 40), fan_in: int = 50, fan_out: int = 40, seed: int = 0
):
    parameter = Parameter(name="00_dense/kernel", shape=shape, init=init, fan_in=fan_in, fan_out=fan_out)
    return initial((parameter,), seed=seed, network="generator")["generator/00_dense/kernel"]


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 10**6))
def test_glorot_stays_inside_its_limits_and_reaches_them(fan_in: int, fan_out: int, seed: int) -> None:
    limit = sqrt(6 / (fan_in + fan_out))
    values = drawn(initializers.GlorotUniform(), (200,), fan_in, fan_out, seed)
    assert np.abs(values).max() <= limit
    assert np.abs(values).max() > 0.9 * limit


@settings(max_examples=20)
@given(st.floats(1e-3, 10), st.integers(0, 10**6))
def test_truncated_normal_never_goes_beyond_two_deviations(std: float, seed: int) -> None:
    values = drawn(initializers.TruncatedNormal(std=std), (5000,), seed=seed)
    assert np.abs(values).max() <= 2 * std
    assert np.abs(values).max() > 1.8 * std
    assert abs(values.std() / std - 0.8796) < 0.04  # of a normal cut at two deviations


@pytest.mark.parametrize(
    ("init", "mean", "std"),
    [
        (initializers.Normal(std=0.02), 0, 0.02),
        (initializers.Normal(std=0.02, mean=1.0), 1, 0.02),
        (initializers.HeNormal(), 0, sqrt(2 / 50)),
        (initializers.GlorotUniform(), 0, sqrt(2 / 90)),
    ],
    ids=repr,
)
def test_moments(init: initializers.Init, mean: float, std: float) -> None:
    values = drawn(init)
    assert values.dtype == np.float64
    assert abs(values.mean() - mean) < 4 * std / sqrt(values.size)
    assert abs(values.std() / std - 1) < 0.06


def test_constant() -> None:
    assert (drawn(initializers.Constant(value=2.5)) == 2.5).all()


def test_seed_network_and_name_decide_the_values() -> None:
    first = parameters(resolve(Network(input=(6,), layers=(Dense(units=4), Dense(units=4), Dense(units=4)))))
    states = {(seed, net): initial(first, seed=seed, network=net) for seed in (0, 1) for net in ("one", "two")}
    kernels = [
        each.ravel()[:8].tolist() for state in states.values() for name, each in state.items() if "kernel" in name
    ]
    assert len({tuple(kernel) for kernel in kernels}) == len(kernels) == 12
    again = initial(first, seed=0, network="one")
    assert all((again[name] == states[0, "one"][name]).all() for name in again)


def test_a_further_layer_leaves_the_others_as_they_were() -> None:
    short, long = (Dense(units=4), Relu()), (Dense(units=4), Relu(), Dense(units=2))
    one, other = (initial(tuple(of(*layers).values()), seed=3, network="generator") for layers in (short, long))
    assert all((one[name] == other[name]).all() for name in one)


def test_frozen_initial_values() -> None:
    """A change here means that an old seed no longer gives the old run."""
    found = {init.__struct_config__.tag: drawn(init, (2,)).tolist() for init in INITS}
    assert found == FROZEN


INITS = (
    initializers.Normal(std=1.0),
    initializers.HeNormal(),
    initializers.GlorotUniform(),
    initializers.TruncatedNormal(std=1.0),
)
FROZEN = {
    "normal": [0.9797858260990748, -0.6707997285888184],
    "he_normal": [0.195957165219815, -0.13415994571776368],
    "glorot_uniform": [-0.1601213611803149, -0.16917116242669955],
    "truncated_normal": [0.9797858260990748, -0.6707997285888184],
}
