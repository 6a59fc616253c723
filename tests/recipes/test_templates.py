"""The notations of written layers: filled in, left alone where they are none, refused with their place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganforge.errors import RecipeError
from ganforge.recipes.kinds import reads_labels
from ganforge.recipes.templates import Measures, fill, reduction, stand_in
from ganforge.spec.layers import BatchNorm, Conv, ConvTranspose, Dense, Flatten, JoinLabel, Relu, Residual, Upsample
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


# Stages --------------------------------------------------------------------------------------------------------------

UP = {"stages": ["1/reduction", "1/1"], "layers": [{"kind": "upsample", "size": "1/after"}]}
SMALL = Measures(image=(33, 20), numbers={**MEASURES.numbers, "reduction": 4})


def staged(table: dict[str, Any], measures: Measures = SMALL) -> tuple[Layer, ...]:
    return fill({"generator": [table]}, {}, measures, "recipe 'x'").generator


def test_the_reduction_leaves_4_pixels_or_more() -> None:
    sizes = {(8, 8): 2, (7, 99): 1, (16, 16): 4, (33, 20): 4, (32, 32): 8, (64, 64): 16, (31, 31): 8, (112, 112): 16}
    assert {size: reduction(*size) for size in sizes} == sizes


def test_a_stage_is_there_for_every_doubling() -> None:
    assert staged(UP) == (Upsample(size=(17, 10)), Upsample(size=(33, 20)))


def test_a_stage_is_there_for_every_halving() -> None:
    conv = {"kind": "conv", "filters": "width * before + after", "kernel": 3, "groups": "before"}
    down = {"stages": ["1/1", "1/reduction"], "layers": [conv, {"kind": "relu"}]}
    convs = Conv(filters=64 + 2, kernel=3), Conv(filters=128 + 4, kernel=3, groups=2)
    assert staged(down) == (convs[0], Relu(), convs[1], Relu())


def test_stages_may_go_part_of_the_way_or_nowhere() -> None:
    assert staged(UP | {"stages": ["1/2", "1/1"]}) == (Upsample(size=(33, 20)),)
    assert staged(UP | {"stages": ["2/reduction", "1/2"]}) == ()


def test_stages_within_a_block_and_layers_within_stages() -> None:
    inner = {"stages": ["1/2", "1/1"], "layers": [{"kind": "dense", "units": "after"}]}
    assert staged({"kind": "residual", "layers": [inner]}) == (Residual(layers=(Dense(units=1),)),)
    block = {
        "stages": ["1/2", "1/1"],
        "layers": [{"kind": "residual", "layers": [{"kind": "dense", "units": "before"}]}],
    }
    assert staged(block) == (Residual(layers=(Dense(units=2),)),)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"stages": "1/2"}, r"generator\[0\] = .*stages take two shares of the image, as"),
        ({"stages": ["1/2", "1/1", "1/4"]}, "stages take two shares"),
        ({"stages": [2, 1]}, "stages take two shares"),
        ({"layers": "relu"}, "stages take two shares"),
        ({"size": 3}, "stages take two shares"),
        ({"stages": ["1/6", "1/2"]}, r"generator\[0\].stages = .*a stage halves or doubles"),
        ({"stages": ["1/3", "1/2"]}, "a stage halves or doubles"),
        ({"stages": ["1/4", "width"]}, r"generator\[0\].stages = 'width': a size is a number"),
        ({"stages": ["1/4", "1/hight"]}, r"stages = '1/hight': 'hight' is neither"),
        ({"stages": ["8/reduction", "1/1"]}, "8 is no divisor of 4"),
        ({"layers": [{"kind": "dense", "units": "befor"}]}, r"generator\[0\].layers\[0\].units = 'befor': .*'before'"),
        ({"layers": [{"kind": "upsample", "sise": 3}]}, r"unknown key .sise. in \[generator\[0\].layers\[0\]\]"),
    ],
    ids=str,
)
def test_stages_refused_with_their_place(table: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=f"^recipe 'x': .*{said}"):
        staged(UP | table)


def test_what_stages_alone_know() -> None:
    with pytest.raises(RecipeError, match=r"units = 'after': 'after' has a meaning in the layers of stages alone"):
        one({"kind": "dense", "units": "after"})


def test_a_mistake_in_stages_is_seen_before_the_size_is_known() -> None:
    with pytest.raises(RecipeError, match="'widht' is neither"):
        staged(UP | {"layers": [{"kind": "dense", "units": "widht"}]}, stand_in(width=True))


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
