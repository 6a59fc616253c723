"""A recipe: data set, architecture and way of training in one TOML file; nothing about a system is code.

Reading goes in four steps: find the file, lay it over the one that it extends, put `--set key.path=value` on top, and
convert the result to types, where every unknown key or wrong value is an error that names its place and the near names.
"""

import re
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ganforge._io.convert import convert, read_toml
from ganforge._io.files import expanded
from ganforge.errors import RecipeError, near_names
from ganforge.recipes.kinds import read_kind
from ganforge.recipes.schema import (
    ArchitectureSettings,
    DataSettings,
    ImageSize,
    Recipe,
    RecipeEntry,
    Table,
    height_width,
)
from ganforge.recipes.templates import fill, stand_in
from ganforge.spec.gan import NETWORKS
from ganforge.spec.kind_library import SHIPPED_KINDS
from ganforge.spec.kinds import Kinds

_MOST_BYTES = 1 << 20  # a recipe is written by hand
_MOST_EXTENDED = 20
_LARGEST = 8192  # pixels on a side of what is trained on: 200 MB a picture


class _Found(Protocol):
    @property
    def entry(self) -> RecipeEntry: ...


class KnownRecipes(Protocol):
    """Where recipes are looked up by name: the plugin host."""

    def entries(self, hook: str, kind: type[RecipeEntry], /) -> Mapping[str, _Found]:
        """By name, what plugins give for the hook `ganforge_recipes`."""
        ...


def load_table(name: str, known: KnownRecipes) -> Table:
    """The table of a recipe, by name or by the path of a TOML file, laid over those that it extends.

    Raises:
        RecipeError: no such recipe, no TOML, more than a person writes, or one that extends itself.
    """
    return _load(name, known, Path(), ())


def _load(name: str, known: KnownRecipes, folder: Path, seen: tuple[str, ...]) -> Table:
    path = _find(name, known, folder)
    place = str(path.resolve())  # however it is reached
    if place in seen:
        raise RecipeError(f"recipe {path} extends itself, by way of {' -> '.join(seen)}")
    if len(seen) == _MOST_EXTENDED:
        raise RecipeError(f"recipe {seen[0]}: more than {_MOST_EXTENDED} recipes extend one another")
    try:
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise RecipeError(f"recipe {path} has {size:,} bytes; more than {_MOST_BYTES:,} are not read")
        table: Table = read_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"recipe {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecipeError(f"recipe {path} is not TOML: {error}") from error
    table.setdefault("name", path.stem)
    extends = table.pop("extends", None)
    if extends is None:
        return table
    if not isinstance(extends, str):
        raise RecipeError(f"recipe {path}: extends must be the name of a recipe, not {extends!r}")
    return merge(_load(extends, known, path.parent, (*seen, place)), table)


def _find(name: str, known: KnownRecipes, folder: Path) -> Path:
    """The file of a recipe; a relative path is meant from `folder`, that of the recipe which extends it."""
    if name.endswith(".toml") or "/" in name:
        path = folder / expanded(name)
        if not path.is_file():
            raise RecipeError(f"there is no recipe file {path}")
        return path
    entries = known.entries("ganforge_recipes", RecipeEntry)
    if name not in entries:
        raise RecipeError(
            f"unknown recipe {name!r} (a file is given by its path, as ./{name}.toml); {near_names(name, entries)}"
        )
    return entries[name].entry.path


_INSTEAD = {"steps": "epochs", "epochs": "steps"}
"""Keys that give way to another one."""


def merge(base: Table, over: Mapping[str, Any]) -> Table:
    """`base` with `over` laid on it: tables key by key, everything else replaced.

    A table that names another kind of thing (another data set, architecture, loss or optimizer) replaces the old one
    whole, since the options of one mean nothing to the other.
    """
    merged = {key: value for key, value in base.items() if _INSTEAD.get(key) not in over}
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping) and not _other_kind(old, value):
            value = merge(old, value)
        merged[key] = value
    return merged


def _other_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return any(key in old and key in new and old[key] != new[key] for key in ("set", "name", "kind"))


def apply_override(table: Table, assignment: str) -> Table:
    """`table` with one `key.path=value` of the command line laid on it; the value is TOML, or else plain text.

    A date or a time is plain text too: no setting takes one, but a name may look like one.
    """
    path, equals, text = assignment.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise RecipeError(f"--set takes key.path=value, as training.latent.size=64, not {assignment!r}")
    try:
        value = read_toml(f"value = {text}")["value"]
    except ValueError:
        value = text.strip()
    if isinstance(value, date | time):
        value = text.strip()
    for key in reversed(keys):
        value = {key: value}
    return merge(table, value)


_OPTIMIZER: Table = {"training": {network: {"optimizer": {"kind": "adam"}} for network in NETWORKS}}
"""What is meant where a recipe, or --set, gives an optimizer's rate and not its kind."""


def parse(table: Mapping[str, Any], kinds: Kinds = SHIPPED_KINDS) -> Recipe:
    """The typed recipe of a table, whose layers and optimizers are of `kinds`.

    Raises:
        RecipeError: an unknown key or a wrong value; the message names its place and the near names.
    """
    prepared = merge(_OPTIMIZER, table)
    name = str(prepared.get("name", "recipe"))
    for section, settings in (("data", DataSettings), ("architecture", ArchitectureSettings)):
        if isinstance(prepared.get(section), dict):
            prepared[section] = _split(prepared[section], settings)
    recipe = convert(_with_optimizers(prepared, kinds, f"recipe {name!r}"), Recipe, f"recipe {name!r}")
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
    _refuse_no_size("image_size", recipe.image_size)
    if max(recipe.size) > _LARGEST:
        raise RecipeError(f"image_size can be {_LARGEST} at most, not {recipe.image_size!r}")
    if recipe.data.crop is not None:
        _refuse_no_size("data.crop", recipe.data.crop)
    return recipe


def _with_optimizers(table: Table, kinds: Kinds, where: str) -> Table:
    """The table with its optimizers' tables as settings."""
    training = table.get("training")
    if not isinstance(training, dict):
        return table
    players = {}
    for network in NETWORKS:
        player = training.get(network)
        if isinstance(player, dict) and "optimizer" in player:
            place = f"training.{network}.optimizer"
            players[network] = {**player, "optimizer": read_kind(player["optimizer"], kinds.optimizers, where, place)}
    return {**table, "training": {**training, **players}}


def _refuse_no_size(place: str, sides: ImageSize) -> None:
    if isinstance(sides, str) and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", sides):
        raise RecipeError(f"{place} takes one number or HEIGHTxWIDTH, as 96x64, not {sides!r}")
    if min(height_width(sides)) < 1:
        raise RecipeError(f"{place} must be at least 1, not {sides!r}")


def _split(table: Table, settings: type[msgspec.Struct]) -> Table:
    """A section whose further keys are options of what it names."""
    own = {key: value for key, value in table.items() if key in settings.__struct_fields__ and key != "options"}
    return {**own, "options": {key: value for key, value in table.items() if key not in own}}


def set_run_length(recipe: Recipe, *, steps: int | None = None, epochs: int | None = None) -> Recipe:
    """The recipe with another number of steps or of epochs; unchanged where neither is given."""
    if steps is None and epochs is None:
        return recipe
    return msgspec.structs.replace(recipe, run=msgspec.structs.replace(recipe.run, steps=steps, epochs=epochs))


def to_table(recipe: Recipe) -> Table:
    """The inverse of `parse`: plain data without empty values, ready to be written as TOML."""
    table: Table = _without_none(msgspec.to_builtins(recipe))
    for section in ("data", "architecture"):
        if section in table:
            table[section] |= table[section].pop("options")
    return table


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return [_without_none(each) for each in value] if isinstance(value, list | tuple) else value
