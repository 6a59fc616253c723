"""Layers are frozen data that says everything, and nothing that it should not."""

from typing import Union

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganforge.spec import layers
from ganforge.spec.layers import initializers
from ganforge.spec.layers.contract import Layer
from ganforge.spec.network import Network

_SOME = st.deferred(lambda: st.lists(LAYERS, max_size=3).map(tuple))
LAYERS = st.deferred(
    lambda: st.one_of(*SIMPLE, st.builds(layers.Residual, layers=_SOME, shortcut=_SOME, scale=st.floats(-2, 2)))
)
_INIT = st.sampled_from(
    [
        initializers.Constant(value=1.5),
        initializers.Normal(std=0.02, mean=1.0),
        initializers.TruncatedNormal(std=0.1),
        initializers.GlorotUniform(),
        initializers.HeNormal(),
    ]
)
_COUNT = st.integers(1, 9)
_EXTENT = _COUNT | st.tuples(_COUNT, _COUNT)
_SIDES = st.tuples(st.integers(0, 4), st.integers(0, 4))
_PADDING = st.sampled_from(["same", "valid"]) | st.integers(0, 4) | st.tuples(_SIDES, _SIDES)
SIMPLE = (
    st.builds(
        layers.Dense, units=_COUNT, bias=st.booleans(), spectral_norm=st.booleans(), kernel_init=_INIT, bias_init=_INIT
    ),
    st.builds(
        layers.Conv, filters=_COUNT, groups=_COUNT, kernel=_EXTENT, stride=_EXTENT, padding=_PADDING, kernel_init=_INIT
    ),
    st.builds(
        layers.ConvTranspose, filters=_COUNT, kernel=_EXTENT, stride=_EXTENT, padding=_PADDING, size=st.none() | _EXTENT
    ),
    st.builds(layers.BatchNorm, decay=st.floats(0, 0.999), epsilon=st.floats(1e-9, 1), scale=st.booleans()),
    st.builds(layers.LeakyRelu, slope=st.floats(0, 1)),
    st.builds(layers.Elu, alpha=st.floats(0.1, 2)),
    st.builds(layers.Dropout, rate=st.floats(0, 0.99)),
    st.builds(layers.Reshape, shape=st.lists(_COUNT, min_size=1, max_size=3).map(tuple)),
    st.builds(layers.AvgPool, size=_EXTENT, stride=st.none() | _EXTENT, padding=_PADDING),
    st.builds(layers.MaxPool, size=_EXTENT, stride=st.none() | _EXTENT, padding=_PADDING),
    st.builds(layers.LayerNorm, epsilon=st.floats(1e-9, 1), scale=st.booleans(), offset=st.booleans()),
    st.builds(layers.InstanceNorm, epsilon=st.floats(1e-9, 1)),
    st.builds(layers.GroupNorm, groups=_COUNT, epsilon=st.floats(1e-9, 1)),
    st.builds(layers.PixelNorm, epsilon=st.floats(1e-9, 1)),
    st.builds(layers.Prelu, slope_init=_INIT),
    st.builds(layers.ConditionalBatchNorm, decay=st.floats(0, 0.999), epsilon=st.floats(1e-9, 1)),
    st.builds(layers.EmbedLabel, units=_COUNT, kernel_init=_INIT),
    st.builds(layers.ProjectLabel, spectral_norm=st.booleans()),
    st.builds(layers.Attention, ratio=_COUNT, value_ratio=_COUNT, pool=_COUNT, spectral_norm=st.booleans()),
    st.builds(layers.LearnedConstant, channels=_COUNT, init=_INIT),
    st.builds(layers.MinibatchStd, decay=st.floats(0, 0.999), epsilon=st.floats(1e-9, 1)),
    st.builds(layers.GlobalPool, of=st.sampled_from(["sum", "mean"])),
    st.builds(layers.Upsample, method=st.sampled_from(["nearest", "bilinear"]), factor=_EXTENT),
    st.builds(layers.Resample, to=st.sampled_from(["half", "double", "same"])),
    st.sampled_from([layers.Gelu(), layers.Silu()]),
    st.sampled_from([layers.Relu(), layers.Tanh(), layers.Sigmoid(), layers.Flatten(), layers.JoinLabel()]),
)


@given(st.lists(LAYERS, max_size=5))
def test_a_network_survives_json(chain: list[Layer]) -> None:
    network = Network(input=(4, 4, 3), layers=tuple(chain), classes=2)
    text = msgspec.json.encode(network)
    assert msgspec.json.decode(text, type=Network, dec_hook=read) == network


def read(kind: type, value: object) -> object:
    """A layer of one of the kinds that come with ganforge."""
    assert kind is Layer
    return msgspec.convert(value, Union[layers.LAYERS], dec_hook=read)  # noqa: UP007


def test_every_layer_of_the_union_is_tried_above() -> None:
    members = layers.LAYERS
    assert len(members) == 32
    assert len({member.__struct_config__.tag for member in members}) == len(members)


@pytest.mark.parametrize(
    "layer", [layers.Dense(units=1), Network(input=(1,), layers=()), initializers.Constant(value=1.0)]
)
def test_frozen(layer: msgspec.Struct) -> None:
    with pytest.raises(AttributeError):
        setattr(layer, layer.__struct_fields__[0], 3)


def test_no_setting_without_its_name() -> None:
    with pytest.raises(TypeError):
        layers.Dense(3)  # type: ignore[misc]


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "dense", "units": 0},
        {"kind": "dense", "units": 2.5},
        {"kind": "dense", "units": True},
        {"kind": "dense"},
        {"kind": "dense", "units": 3, "unit": 4},
        {"kind": "conv", "filters": 3, "kernel": [3]},
        {"kind": "conv", "filters": 3, "kernel": [3, 0]},
        {"kind": "conv", "filters": 3, "kernel": 3, "padding": "full"},
        {"kind": "conv", "filters": 3, "kernel": 3, "padding": [[0, 1], [0, -1]]},
        {"kind": "conv", "filters": 3, "kernel": 3, "padding": [1, 1]},
        {"kind": "batch_norm", "decay": 1.0, "epsilon": 1e-5},
        {"kind": "batch_norm", "decay": 0.9, "epsilon": 0.0},
        {"kind": "batch_norm", "decay": 0.9},
        {"kind": "batch_norm", "epsilon": 1e-5},
        {"kind": "leaky_relu"},
        {"kind": "leaky_relu", "slope": -0.1},
        {"kind": "elu", "alpha": 0.0},
        {"kind": "dropout", "rate": 1.0},
        {"kind": "dropout", "rate": -0.1},
        {"kind": "reshape", "shape": [0, 3]},
        {"kind": "swish"},
        {"units": 3},
        {"kind": "dense", "units": 3, "kernel_init": {"kind": "normal", "std": 0.0}},
        {"kind": "dense", "units": 3, "kernel_init": {"kind": "constant"}},
    ],
    ids=str,
)
def test_refused(given: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Layer)


def test_what_no_framework_agrees_on_has_no_default() -> None:
    """The slope, the decay and the epsilon must be said; their defaults differ between frameworks."""
    required = {
        kind.__name__: {field.name for field in msgspec.structs.fields(kind) if field.required}
        for kind in (layers.LeakyRelu, layers.BatchNorm, layers.Dropout)
    }
    assert required == {"LeakyRelu": {"slope"}, "BatchNorm": {"decay", "epsilon"}, "Dropout": {"rate"}}
