"""Recipes as tables: read, written, refused with the place and the near names."""

import tomllib
from typing import Any

import pytest
import tomli_w
from fakes import core_host
from hypothesis import given, settings
from hypothesis import strategies as st

from ganforge.errors import RecipeError
from ganforge.plugins.host import Host
from ganforge.recipes.parsing import parse
from ganforge.recipes.reading import load_table
from ganforge.recipes.schema import DataSettings, RecipeEntry
from ganforge.recipes.tables import to_table

SHIPPED = (
    "acgan",
    "anime",
    "carpedm20",
    "celeba",
    "cgan-mnist",
    "dcgan",
    "digits",
    "faces",
    "few-images",
    "frogs",
    "light",
    "lsgan",
    "projection",
    "r3gan",
    "sagan",
    "sngan-resnet",
    "sngan",
    "wgan-gp",
)


@pytest.fixture
def host() -> Host:
    return core_host()[0]


# Shipped ones --------------------------------------------------------------------------------------------------------


def test_the_shipped_recipes(host: Host) -> None:
    assert tuple(host.entries("ganforge_recipes", RecipeEntry)) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_parses_and_says_what_it_is(name: str, host: Host) -> None:
    recipe = parse(load_table(name, host))
    assert recipe.name == name
    assert recipe.summary
    assert recipe.run.steps or recipe.run.epochs


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_survives_its_own_table_as_toml(name: str, host: Host) -> None:
    recipe = parse(load_table(name, host))
    assert parse(tomllib.loads(tomli_w.dumps(to_table(recipe)))) == recipe


# Round trip ----------------------------------------------------------------------------------------------------------

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cc", "Cs")), max_size=8)
_WORD = st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True)
_OPTIONS = st.dictionaries(
    _WORD, st.integers(-9, 9) | st.booleans() | _TEXT | st.lists(st.integers(0, 3), max_size=2), max_size=2
)
_OPTIMIZER = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("adam")}, optional={"learning_rate": st.floats(1e-6, 1), "clip": st.floats(0.1, 9)}
    ),
    st.fixed_dictionaries({"kind": st.just("rmsprop"), "learning_rate": st.floats(1e-6, 1)}),
    st.fixed_dictionaries({"kind": st.just("sgd"), "learning_rate": st.floats(1e-6, 1), "momentum": st.floats(0, 0.9)}),
)
_PLAYER = st.fixed_dictionaries({}, optional={"updates": st.integers(1, 5), "optimizer": _OPTIMIZER})
_LAYER = st.sampled_from(
    [
        {"kind": "dense", "units": 3},
        {"kind": "conv", "filters": 2, "kernel": [3, 2], "padding": [[1, 0], [2, 2]]},
        {"kind": "conv_transpose", "filters": 2, "kernel": 4, "stride": 2, "size": [7, 8]},
        {"kind": "batch_norm", "decay": 0.9, "epsilon": 1e-5, "scale_init": {"kind": "normal", "std": 0.02}},
        {"kind": "residual", "layers": [{"kind": "relu"}, {"kind": "residual", "layers": []}]},
        {"kind": "reshape", "shape": [1, 2, 3]},
    ]
)
_LAYERS = st.lists(_LAYER, max_size=3)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Any table that is a recipe."""
    table: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {"name": _TEXT.filter(lambda text: text and not set(text) & set("/\\"))},
            optional={
                "summary": _TEXT,
                "image_size": st.integers(1, 512) | st.sampled_from(["8x9", "108x64"]) | st.just([12, 20]),
                "channels": st.sampled_from([1, 3]),
                "conditional": st.booleans(),
                "class_names": st.lists(_TEXT, max_size=3),
                "data": st.builds(
                    lambda options, own: options | own,
                    _OPTIONS,
                    st.fixed_dictionaries({}, optional={"set": _WORD, "path": _TEXT, "fit": st.just("pad")}),
                ),
                "training": st.fixed_dictionaries(
                    {},
                    optional={
                        "batch_size": st.integers(1, 512),
                        "generator": _PLAYER,
                        "discriminator": _PLAYER,
                        "loss": st.fixed_dictionaries({"name": _WORD}),
                        "penalty": st.fixed_dictionaries({"name": _WORD, "weight": st.floats(0.1, 20)}),
                        "average": st.fixed_dictionaries({}, optional={"decay": st.floats(0, 0.999)}),
                        "targets": st.fixed_dictionaries({}, optional={"real": st.floats(-2, 2)}),
                    },
                ),
                "run": st.fixed_dictionaries(
                    {}, optional={"steps": st.integers(1, 10**9), "seed": st.integers(0, 2**63 - 1), "device": _WORD}
                ),
            },
        )
    )
    if draw(st.booleans()):
        table |= {"generator": draw(_LAYERS), "discriminator": draw(_LAYERS)}
    elif draw(st.booleans()):
        table["architecture"] = draw(_OPTIONS) | {"name": draw(_WORD)}
    return table


@settings(max_examples=40)
@given(tables())
def test_a_recipe_survives_its_table(table: dict[str, Any]) -> None:
    recipe = parse(table)
    assert parse(to_table(recipe)) == recipe
    assert parse(tomllib.loads(tomli_w.dumps(to_table(recipe)))) == recipe


def test_parse_leaves_its_table_alone() -> None:
    table = {"name": "x", "data": {"set": "digits", "extra": 1}, "architecture": {"name": "dcgan", "width": 8}}
    before = repr(table)
    parse(table)
    assert repr(table) == before


def test_further_keys_of_a_section_are_options_of_what_it_names() -> None:
    recipe = parse(
        {"name": "x", "data": {"set": "folder", "glob": "*.png", "options": 3}, "architecture": {"width": 8}}
    )
    assert recipe.data == DataSettings(set="folder", options={"glob": "*.png", "options": 3})
    assert recipe.architecture is not None
    assert (recipe.architecture.name, recipe.architecture.options) == ("dcgan", {"width": 8})


def test_layers_stay_as_they_are_written() -> None:
    written = {
        "generator": [{"kind": "residual", "layers": [{"kind": "dense", "units": 3}]}],
        "discriminator": [{"kind": "conv", "filters": "2 * channels", "kernel": "1/4"}],
    }
    recipe = parse({"name": "x"} | written)
    assert {network: list(layers) for network, layers in recipe.written.items()} == written
    assert recipe.architecture is None


@pytest.mark.parametrize(
    ("given", "size"), [(64, (64, 64)), ("108x64", (108, 64)), ([9, 12], (9, 12)), (None, (64, 64))]
)
def test_image_sizes(given: Any, size: tuple[int, int]) -> None:
    assert parse({"name": "x"} | ({} if given is None else {"image_size": given})).size == size


@pytest.mark.parametrize(("given", "size"), [(108, (108, 108)), ("96x80", (96, 80)), ([9, 12], (9, 12)), (None, None)])
def test_crops(given: Any, size: tuple[int, int] | None) -> None:
    assert parse({"name": "x"} | ({} if given is None else {"data": {"crop": given}})).data.resizing.crop == size


# Refusals ------------------------------------------------------------------------------------------------------------

CONV = {"kind": "conv", "filters": 3, "kernel": 3}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        # keys, with near names, wherever they are
        ({"trainin": {}}, "unknown key 'trainin'; did you mean 'training'"),
        ({"training": {"batchsize": 3}}, r"'batchsize' in \[training\]; did you mean 'batch_size'"),
        ({"training": {"latent": {"sise": 3}}}, r"'sise' in \[training.latent\]; did you mean 'size'"),
        (
            {"training": {"generator": {"optimizer": {"kind": "adam", "beta_1": 0.5}}}},
            r"'beta_1' in \[training.generator.optimizer\]; did you mean 'beta1'",
        ),
        ({"run": {"step": 3}}, r"'step' in \[run\]; did you mean 'steps'"),
        ({"generator": [CONV, CONV | {"strides": 2}]}, r"'strides' in \[generator\[1\]\]; did you mean 'stride'"),
        (
            {"generator": [{"kind": "residual", "layers": [CONV | {"fitlers": 2}]}]},
            r"'fitlers' in \[generator\[0\]\.layers\[0\]\]; did you mean 'filters'",
        ),
        (
            {"generator": [CONV | {"kernel_init": {"kind": "normal", "sdt": 2}}]},
            r"'sdt' in \[generator\[0\]\.kernel_init\]; did you mean 'std'",
        ),
        # words
        (
            {"training": {"generator": {"optimizer": {"kind": "adm"}}}},
            "'adm' at training.generator.optimizer.kind; .*'adam'",
        ),
        ({"generator": [{"kind": "convv"}]}, r"'convv' at generator\[0\].kind; did you mean 'conv'"),
        (
            {"training": {"latent": {"distribution": "normall"}}},
            "'normall' at training.latent.distribution; .*'normal'",
        ),
        ({"run": {"precision": "float16"}}, "'float16' at run.precision; did you mean 'bfloat16'"),
        ({"data": {"crop": "108"}}, "data.crop takes one number or HEIGHTxWIDTH, as 96x64, not '108'"),
        ({"data": {"crop": 0}}, "data.crop must be at least 1, not 0"),
        ({"data": {"fit": "zzz"}}, "'zzz' at data.fit; known: cover, pad, resize_crop, stretch"),
        # values
        ({"training": {"batch_size": 0}}, "training.batch_size must be a whole number >= 1$"),
        ({"training": {"batch_size": "many"}}, "training.batch_size must be a whole number, not text$"),
        (
            {"training": {"generator": {"optimizer": {"kind": "rmsprop"}}}},
            r"key 'learning_rate' is missing in \[training.generator.optimizer\]; it must be a number > 0$",
        ),
        ({"training": {"penalty": {"name": "r11"}}}, r"'weight' is missing in \[training.penalty\]; .* a number > 0$"),
        ({"generator": [CONV | {"kernel_init": {"std": 0.1}}]}, "key 'kind' is missing .*; it may be constant, .* or "),
        ({"training": {"penalty": {"name": "r1", "weight": 0}}}, "training.penalty.weight must be a number > 0$"),
        ({"training": {"latent": {"low": 3.0, "high": -3.0}}}, "low 3 must be less than high -3, at training.latent"),
        ({"run": {"seed": -1}}, "run.seed must be a whole number >= 0$"),
        ({"run": {"seed": 2**63}}, "run.seed is too large"),
        ({"training": {"average": {"decay": float("nan")}}}, "training.average.decay must be a finite number"),
        (
            {"training": {"generator": {"optimizer": {"kind": "sgd", "learning_rate": float("inf")}}}},
            "optimizer.learning_rate must be a fin",
        ),
        (
            {"generator": [CONV | {"kernel_init": {"kind": "constant", "value": float("-inf")}}]},
            r"generator\[0\].kernel_",
        ),
        ({"data": {"weights": [1.0, float("inf")]}}, r"data.options.weights\[1\] must be a finite number"),
        ({"channels": 2}, "channels must be 1 or 3, not 2$"),
        ({"channels": True}, "channels must be a whole number, not true or false"),
        ({"name": 3}, "name must be text, not a whole number; put it in quotes$"),
        ({"name": "../x"}, "name becomes part of a folder's"),
        ({"name": "a\0b"}, "name becomes part of a folder's"),
        ({"name": ""}, "name becomes part of a folder's"),
        ({"architecture": "dcgan"}, "architecture must be a table or none, not text"),
        ({"data": ["digits"]}, "data must be a table, not a list"),
        ({"generator": {}}, "generator must be a list, not a table$"),
        # sizes
        ({"image_size": 0}, "at least 1"),
        ({"image_size": -8}, "at least 1"),
        ({"image_size": [8, 0]}, r"image_size\[1\] must be a whole number >= 1"),
        ({"image_size": [8]}, "image_size must be a list of length 2, not 1$"),
        ({"image_size": "8x"}, "HEIGHTxWIDTH, as 96x64, not '8x'"),
        ({"image_size": "08x9"}, "HEIGHTxWIDTH"),
        ({"image_size": "64"}, "HEIGHTxWIDTH"),
        ({"image_size": 8.5}, "image_size must be a whole number, text or a list, not a decimal number"),
        # networks
        ({"generator": []}, "give either"),
        ({"discriminator": [CONV]}, "give either"),
        ({"generator": [], "discriminator": [], "architecture": {}}, "give either"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_refused_with_its_place(table: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        parse({"name": "x"} | table)


def test_a_table_nested_without_end_is_refused() -> None:
    table: dict[str, Any] = {}
    for _ in range(5000):
        table = {"a": table}
    with pytest.raises(RecipeError, match="nested too deeply"):
        parse({"name": "x", "training": table})
