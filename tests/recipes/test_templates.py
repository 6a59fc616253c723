"""The notations of written layers: filled in, left alone where they are none, refused with their place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganforge.errors import RecipeError
from ganforge.recipes.kinds import reads_labels
from ganforge.recipes.templates import Measures, fill, stand_in
from ganforge.spec.layers import BatchNorm, Conv, ConvTranspose, Dense, Flatten, JoinLabel, Relu, Residual
from ganforge.spec.layers.contract import Layer
from ganforge.spec.network import Network, resolve

MEASURES = Measures(image=(108, 63), numbers={"channels": 3, "classes": 10, "latent": 100, "logits": 2, "width": 64})
UNLABELLED = Measures(image=(108, 63), numbers={**MEASURES.numbers, "classes": 0})


def one(table: dict[str, Any], measures: Measures = MEASURES, **shared: dict[str, Any]) -> Layer:
    (layer,) = fill({"generator": [table]}, shared, measures, "recipe 'x'").generator
    return layer


# What a notation stands for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "number"),
    [
        (7, 7),
        ("7", 7),
        ("width", 64),
        ("8 * width", 512),
        ("8*width", 512),
        ("channels + classes", 13),
        (" 2 * width * channels + latent ", 484),
        ("logits", 2),
        (["1/16", "8 * width"], 7 * 4 * 512),
        (["1/16"], 7 * 4),
        ([2, 3, "channels"], 18),
    ],
)
def test_numbers(units: Any, number: int) -> None:
    assert one({"kind": "dense", "units": units}) == Dense(units=number)


@pytest.mark.parametrize(
    ("size", "pair"),
    [
        ("1/1", (108, 63)),
        ("1/2", (54, 32)),
        ("1 / 4", (27, 16)),
        ("1/3", (36, 21)),
        ("1/9999", (1, 1)),
        ([5, 6], (5, 6)),
    ],
)
def test_shares_are_rounded_up(size: Any, pair: tuple[int, int]) -> None:
    made = one({"kind": "conv_transpose", "filters": 1, "kernel": size, "size": size})
    assert made == ConvTranspose(filters=1, kernel=pair, size=pair)


@given(st.integers(1, 600), st.integers(0, 6))
def test_a_share_is_what_convolutions_with_padding_same_come_to(side: int, times: int) -> None:
    halved = Network(input=(side, side, 1), layers=(Conv(filters=1, kernel=5, stride=2),) * times + (Relu(),))
    measures = Measures(image=(side, side), numbers=MEASURES.numbers)
    share = one({"kind": "conv_transpose", "filters": 1, "kernel": 1, "size": f"1/{2**times}"}, measures)
    assert isinstance(share, ConvTranspose)
    assert resolve(halved)[-1].output[:2] == share.size


def test_a_shape_takes_shares_numbers_and_names() -> None:
    layer = one({"kind": "reshape", "shape": ["1/16", "8 * width"]})
    assert layer.__struct_config__.tag == "reshape"
    assert layer.shape == (7, 4, 512)  # type: ignore[union-attr]
    assert one({"kind": "reshape", "shape": [1, 1, "latent + classes"]}).shape == (1, 1, 110)  # type: ignore[union-attr]


def test_inner_layers_are_filled_too() -> None:
    table = {"kind": "residual", "layers": [{"kind": "residual", "layers": [{"kind": "dense", "units": "width"}]}]}
    assert one(table) == Residual(layers=(Residual(layers=(Dense(units=64),)),))


def test_text_that_is_no_notation_stays() -> None:
    made = one({"kind": "conv", "filters": 1, "kernel": 3, "padding": "valid", "kernel_init": {"kind": "he_normal"}})
    assert isinstance(made, Conv)
    assert made.padding == "valid"


def test_shared_settings_stand_behind_a_layers_own() -> None:
    shared = {"conv": {"kernel": 5, "stride": 2, "filters": "width"}, "dense": {"units": 9}}
    assert one({"kind": "conv"}, **shared) == Conv(filters=64, kernel=5, stride=2)
    assert one({"kind": "conv", "stride": 1}, **shared) == Conv(filters=64, kernel=5)
    inner = {"kind": "residual", "layers": [{"kind": "conv", "kernel": 3}]}
    assert one(inner, **shared) == Residual(layers=(Conv(filters=64, kernel=3, stride=2),))


def test_the_written_layers_are_left_alone() -> None:
    written = {"generator": [{"kind": "residual", "layers": [{"kind": "dense", "units": "width"}]}]}
    before = repr(written)
    fill(written, {"dense": {"bias": False}}, MEASURES, "recipe 'x'")
    assert repr(written) == before


# Labels --------------------------------------------------------------------------------------------------------------

LABELLED = [
    {"kind": "join_label"},
    {"kind": "residual", "layers": [{"kind": "join_label"}, {"kind": "relu"}]},
    {"kind": "flatten"},
]


def test_without_labels_there_is_nothing_to_join() -> None:
    layers = fill({"generator": LABELLED, "discriminator": LABELLED}, {}, UNLABELLED, "recipe 'x'")
    assert layers.generator == layers.discriminator == (Residual(layers=(Relu(),)), Flatten())
    labelled = fill({"generator": LABELLED}, {}, MEASURES, "recipe 'x'").generator
    assert labelled == (JoinLabel(), Residual(layers=(JoinLabel(), Relu())), Flatten())


def test_whether_a_network_joins_the_label() -> None:
    norm = BatchNorm(decay=0.9, epsilon=1e-5)
    assert reads_labels([Relu(), JoinLabel()])
    assert reads_labels([Relu(), Residual(layers=(Residual(layers=(JoinLabel(),)),))])
    assert not reads_labels([Relu(), Residual(layers=(norm,))])
    assert not reads_labels([])


# Refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"units": "8 * widht"}, r"generator\[0\].units = '8 \* widht': 'widht' is neither .*; did you mean 'width'\?"),
        ({"units": "8 width"}, "'8 width' is neither a whole number nor a name"),
        ({"units": ""}, "'' is neither"),
        ({"units": "width +"}, "'' is neither"),
        ({"units": "1.5 * width"}, "'1.5' is neither"),
        ({"units": "-3"}, "'-3' is neither"),
        ({"units": "1/8"}, "'1/8' is neither"),
        ({"units": "9" * 5000}, "is neither"),
        ({"units": "*".join(["999999999"] * 9)}, r"generator\[0\].units is too large"),
        ({"units": "0 * width"}, r"generator\[0\].units must be a whole number >= 1"),
        ({"units": ["1/16", 1.5]}, r"generator\[0\].units = .*may hold whole numbers"),
        ({"units": 1.5}, r"generator\[0\].units must be a whole number, not a decimal number"),
        ({"kind": "conv", "filters": "width", "kernel": "3/8"}, r"generator\[0\].kernel = '3/8': 3 is no divisor of 8"),
        ({"kind": "conv", "filters": "width", "kernel": "1/0"}, "a size is a number"),
        ({"kind": "conv", "filters": "width", "kernel": "width"}, "a size is a number"),
        ({"kind": "reshape", "shape": [["1/16"], 3]}, r"generator\[0\].shape = .*may hold whole numbers"),
        ({"kind": "reshape", "shape": "1/16"}, r"generator\[0\].shape must be a list, not text"),
        (
            {"kind": "residual", "layers": [{"kind": "relu"}, {"kind": "dense", "units": "x"}]},
            r"generator\[0\].layers\[1\].units = 'x'",
        ),
        ({"kind": "residual", "layers": 3}, r"generator\[0\].layers must be a list, not a whole number"),
        ({"kind": ["dense"]}, r"generator\[0\].kind must be text, not a list$"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_refused_with_its_place(table: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=f"^recipe 'x': .*{said}"):
        one({"kind": "dense"} | table)


def test_a_recipe_without_a_width() -> None:
    with pytest.raises(RecipeError, match="the recipe has no width; give it one at its top, as width = 64"):
        one({"kind": "dense", "units": "width"}, stand_in(width=False))
    assert one({"kind": "dense", "units": "width"}, stand_in(width=True)) == Dense(units=1)


@pytest.mark.parametrize(
    ("shared", "said"),
    [
        ({"convv": {}}, r"unknown kind of layer 'convv' in \[layers\]; did you mean 'conv'"),
        ({"conv": {"kernal": 3}}, r"unknown key 'kernal' in \[layers.conv\]; did you mean 'kernel"),
        ({"conv": {"kind": "dense"}}, r"unknown key 'kind' in \[layers.conv\]"),
    ],
)
def test_shared_settings_are_refused_with_their_place(shared: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        fill({}, shared, MEASURES, "recipe 'x'")
