"""Kinds of layers and optimizers that plugins give: found, and read in recipes."""

from typing import Any

import msgspec
import pytest
from fakes import core_host
from own_kinds import KINDS, Beside, Heavy, LabelScale, Level, plugin

from ganforge.errors import PluginError, RecipeError
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.kinds import inner_fields, read_settings, reads_labels, without_labels
from ganforge.recipes.parsing import parse
from ganforge.recipes.tables import to_table
from ganforge.spec import (
    SHIPPED_KINDS,
    Dense,
    JoinLabel,
    LayerEntry,
    LayerSettings,
    OptimizerEntry,
    OptimizerSettings,
    Relu,
    keeps_shape,
    no_parameters,
)


def test_ours_come_by_the_same_door() -> None:
    found = known_kinds(core_host(plugin())[0])
    assert dict(found.layers) == {**SHIPPED_KINDS.layers, "level": Level, "beside": Beside, "label_scale": LabelScale}
    assert dict(found.optimizers) == {**SHIPPED_KINDS.optimizers, "heavy": Heavy}


def test_without_ours_a_recipe_is_told_why() -> None:
    host, _ = core_host()
    host.manager.unregister(name="ganforge.plugins.builtin")
    with pytest.raises(RecipeError, match=r"optimizer: no plugin gives any kind; see `ganforge plugins`"):
        parse({"name": "x"}, known_kinds(host))


@pytest.mark.parametrize(
    ("hook", "entry", "words"),
    [
        ("ganforge_layers", LayerEntry(layer=Dense, summary=""), "LayerEntry 'dense' is given by two plugins"),
        (
            "ganforge_optimizers",
            OptimizerEntry(optimizer=SHIPPED_KINDS.optimizers["adam"], summary=""),
            "OptimizerEntry 'adam' is given by two plugins",
        ),
    ],
)
def test_two_of_one_name_are_an_error_that_names_both(hook: str, entry: Any, words: str) -> None:
    host, _ = core_host(plugin("mine", **{hook: lambda: (entry,)}))
    with pytest.raises(PluginError, match=f"^{words}, 'ganforge.plugins.builtin' and 'mine'"):
        known_kinds(host)


class Half(LayerSettings, frozen=True, kw_only=True, tag="half"):
    resolve, parameters = keeps_shape, no_parameters


class Shut(OptimizerSettings, frozen=True, kw_only=True, tag="Shut-Up"):
    learning_rate: float = 0.1
    clip: float | None = None
    slots, scale, update = Heavy.slots, Heavy.scale, Heavy.update


class Loose(LayerSettings, frozen=True, kw_only=True, tag="loose", forbid_unknown_fields=False):
    resolve, parameters, forward = keeps_shape, no_parameters, Level.forward


class Foreign(msgspec.Struct, frozen=True, tag="foreign"):
    resolve, parameters, forward = keeps_shape, no_parameters, Level.forward


@pytest.mark.parametrize(
    ("hook", "entry", "words"),
    [
        ("ganforge_layers", LayerEntry(layer=Half, summary=""), "Half has no method forward"),  # type: ignore[type-abstract]
        ("ganforge_layers", LayerEntry(layer=Loose, summary=""), "Loose changes how settings are read"),
        ("ganforge_layers", LayerEntry(layer=Foreign, summary=""), "Foreign is not derived from ganforge.spec.Layer"),
        ("ganforge_layers", LayerEntry(layer="level", summary=""), "its layer is 'level', not of type"),
        ("ganforge_layers", LayerEntry(layer=Level(), summary=""), "its layer is Level"),
        ("ganforge_layers", LayerEntry(layer=Level, summary="", examples=(1,)), r"its examples is \(1,\)"),
        ("ganforge_layers", OptimizerEntry(optimizer=Heavy, summary=""), "which is no LayerEntry"),
        ("ganforge_optimizers", OptimizerEntry(optimizer=Shut, summary=""), 'Shut has no kind .* say tag="shut"'),
        ("ganforge_optimizers", OptimizerEntry(optimizer=Level, summary=""), "Level is not derived from .*Optimizer"),
    ],
)
def test_a_class_that_is_no_kind_is_left_out_and_the_reason_said(hook: str, entry: Any, words: str) -> None:
    host, lines = core_host(plugin("mine", **{hook: lambda: (entry,)}))
    assert known_kinds(host) == SHIPPED_KINDS
    (line,) = lines
    assert "plugin 'mine'" in line
    assert __import__("re").search(words, line), line


# Read ----------------------------------------------------------------------------------------------------------------


def table(**more: Any) -> dict[str, Any]:
    return {
        "name": "x",
        "generator": [{"kind": "dense", "units": 4}, {"kind": "level"}],
        "discriminator": [{"kind": "flatten"}, {"kind": "beside", "left": [{"kind": "dense", "units": "logits"}]}],
        **more,
    }


def test_a_recipe_with_them_is_read_and_written() -> None:
    optimizer = {"kind": "heavy", "learning_rate": 0.1}
    recipe = parse(table(training={"generator": {"optimizer": optimizer}}), KINDS)
    assert recipe.training.generator.optimizer == Heavy(learning_rate=0.1)
    assert parse(to_table(recipe), KINDS) == recipe
    assert to_table(recipe)["training"]["generator"]["optimizer"] == {**optimizer, "momentum": 0.5}
    with pytest.warns(FutureWarning, match="optimizer.learning_rate"):
        assert parse(table(training={"generator": {"optimizer": {"kind": "heavy", "rate": 0.1}}}), KINDS) == recipe


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"training": {"generator": {"optimizer": {"kind": "heavy"}}}},
            r"key 'learning_rate' is missing in \[training.gen",
        ),
        (
            {"training": {"discriminator": {"optimizer": {"kind": "heavy", "learning_rate": 1, "momentm": 1}}}},
            r"unknown key 'momentm' in \[training.discriminator.optimizer\]; did you mean 'momentum'",
        ),
        (
            {"training": {"generator": {"optimizer": {"kind": "heavi"}}}},
            "unknown value 'heavi' at training.generator.optimizer.kind; did you mean 'heavy'",
        ),
        ({"training": {"generator": {"optimizer": 3}}}, "training.generator.optimizer must be a table, not a whole"),
        (
            {"training": {"generator": {"optimizer": {"kind": "heavy", "learning_rate": 0}}}},
            "optimizer.learning_rate must be a number",
        ),
        ({"training": {"generator": 3}}, "training.generator must be a table"),
        ({"layers": {"level": {"deacy": 1}}}, r"unknown key 'deacy' in \[layers.level\]; did you mean 'decay'"),
        (
            {"generator": [{"kind": "beside", "left": [{"kind": "dens", "units": 3}]}]},
            r"'dens' at generator\[0\].left\[0\].kind; did you mean 'dense'",
        ),
        (
            {"generator": [{"kind": "beside", "left": [{"kind": "dense", "units": "2 * widht"}]}]},
            r"generator\[0\].left\[0\].units = '2 \* widht'",
        ),
    ],
)
def test_a_mistake_in_one_is_named_with_its_place(given: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        parse(table(**given), KINDS)


def test_without_the_plugin_the_kind_is_unknown() -> None:
    with pytest.raises(RecipeError, match=r"unknown value 'level' at generator\[1\].kind"):
        parse(table())


def test_inner_layers_are_found_by_their_type() -> None:
    assert inner_fields(Beside) == {"left", "right"}
    assert not inner_fields(Dense)
    inside = Beside(left=(Relu(), JoinLabel()), right=(LabelScale(),))
    assert reads_labels((Beside(left=(), right=(JoinLabel(),)),))
    assert reads_labels((Beside(left=(LabelScale(),)),))
    assert not reads_labels((Beside(left=(Relu(),)),))
    assert without_labels((JoinLabel(), inside)) == (Beside(left=(Relu(),), right=(LabelScale(),)),)
    assert read_settings(msgspec.to_builtins(inside), KINDS.layers, "x", "y") == inside
