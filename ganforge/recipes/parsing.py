"""From plain data to a typed recipe; an unknown key or a wrong value is an error with its place and the near names."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ganforge._io.convert import convert
from ganforge.errors import RecipeError
from ganforge.recipes.kinds import read_kind
from ganforge.recipes.laying import merge, with_new_names
from ganforge.recipes.leaving_out import is_nothing, without_nothing
from ganforge.recipes.schema import ArchitectureSettings, DataSettings, Recipe, Table, check_size
from ganforge.recipes.templates import fill, stand_in
from ganforge.spec.gan import NETWORKS
from ganforge.spec.kind_library import SHIPPED_KINDS
from ganforge.spec.kinds import Kinds

_LARGEST = 8192  # pixels on a side of what is trained on: 200 MB an image

_OPTIMIZER: Table = {"training": {network: {"optimizer": {"kind": "adam"}} for network in NETWORKS}}
"""What is meant where a recipe, or --set, gives an optimizer's learning rate and not its kind."""


def parse(table: Mapping[str, Any], kinds: Kinds = SHIPPED_KINDS) -> Recipe:
    """The typed recipe of a table, whose layers and optimizers are of `kinds`.

    Raises:
        RecipeError: an unknown key or a wrong value; the message names its place and the near names.
    """
    prepared = without_nothing(merge(_OPTIMIZER, with_new_names(table)), Recipe)
    if is_nothing(prepared.get("evaluation")):  # none is made, as by default
        prepared.pop("evaluation", None)
    name = str(prepared.get("name", "recipe"))
    for section, settings in (("data", DataSettings), ("architecture", ArchitectureSettings)):
        if isinstance(prepared.get(section), dict):
            prepared[section] = _split(prepared[section], settings)
    where = f"recipe {name!r}"
    recipe = convert(_with_optimizers(prepared, kinds, where), Recipe, where, also=_optimizer_keys(kinds))
    if not re.fullmatch(r"[^/\\\x00-\x1f]+", recipe.name):
        raise RecipeError(f"a recipe's name becomes part of a folder's; {recipe.name!r} cannot")
    fill(recipe.written, recipe.layers, stand_in(width=recipe.width is not None), f"recipe {name!r}", kinds.layers)
    layers = recipe.generator is not None, recipe.discriminator is not None
    if any(layers) and (not all(layers) or recipe.architecture is not None):
        raise RecipeError(f"recipe {name!r}: give either [architecture], or both [[generator]] and [[discriminator]]")
    if not any(layers):
        if recipe.width is not None or recipe.layers:
            raise RecipeError(
                f"recipe {name!r}: width and [layers] have no effect where no layers are written out; an architecture "
                "has options of its own, as architecture.width"
            )
        recipe = msgspec.structs.replace(recipe, architecture=recipe.architecture or ArchitectureSettings())
    _check_evaluation(recipe)
    check_size("image_size", recipe.image_size)
    if max(recipe.size) > _LARGEST:
        raise RecipeError(f"image_size can be {_LARGEST} at most, not {recipe.image_size!r}")
    if recipe.data.crop is not None:
        check_size("data.crop", recipe.data.crop)
    return recipe


def _check_evaluation(recipe: Recipe) -> None:
    every, saved = recipe.evaluate_every, recipe.run.checkpoint_every
    if recipe.evaluation.keep_best is not None and every is not None and every % saved:
        raise RecipeError(
            f"recipe {recipe.name!r}: the best checkpoint is one that is saved and measured, so with "
            f"evaluation.keep_best evaluation.every ({every}) must be a multiple of run.checkpoint_every ({saved})"
        )


def parse_stored(table: Mapping[str, Any], kinds: Kinds = SHIPPED_KINDS) -> Recipe:
    """As `parse`, of a recipe that a run stored: a later setting that it does not have keeps its first meaning."""
    return parse(merge({"data": {"rules": 1}}, table), kinds)


def _with_optimizers(table: Table, kinds: Kinds, where: str) -> Table:
    """The table with its optimizers' tables as settings."""
    training = table.get("training")
    if not isinstance(training, dict):
        return table
    players = {}
    for network in NETWORKS:
        player = training.get(network)
        if isinstance(player, dict) and "optimizer" in player:
            optimizer, place = player["optimizer"], f"training.{network}.optimizer"
            if isinstance(optimizer, dict) and (kind := kinds.optimizers.get(str(optimizer.get("kind")))):
                optimizer = without_nothing(optimizer, kind)
            players[network] = {**player, "optimizer": read_kind(optimizer, kinds.optimizers, where, place)}
    return {**table, "training": {**training, **players}}


def _optimizer_keys(kinds: Kinds) -> list[str]:
    """The paths of all keys of optimizers."""
    keys = dict.fromkeys(field for kind in kinds.optimizers.values() for field in kind.__struct_fields__)
    return [f"training.{network}.optimizer.{key}" for key in keys for network in NETWORKS]


def _split(table: Table, settings: type[msgspec.Struct]) -> Table:
    """A section whose further keys are options of what it names."""
    own = {key: value for key, value in table.items() if key in settings.__struct_fields__ and key != "options"}
    return {**own, "options": {key: value for key, value in table.items() if key not in own}}
