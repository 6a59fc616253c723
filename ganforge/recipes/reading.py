"""A recipe: data set, architecture and way of training in one TOML file; nothing about a system is code.

Reading goes in four steps: find the file, lay it over the one that it extends, lay single values on top, and convert
the result to types.
"""

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias

from ganforge._io.paths import expanded
from ganforge.errors import RecipeError
from ganforge.recipes.laying import override
from ganforge.recipes.parsing import parse
from ganforge.recipes.recipe_files import KnownRecipes, find_file, read_file
from ganforge.recipes.schema import Recipe, Table
from ganforge.recipes.tables import plain, to_table
from ganforge.spec.kind_library import SHIPPED_KINDS
from ganforge.spec.kinds import Kinds

DEFAULT_RECIPE = "digits"
RecipeLike: TypeAlias = str | Path | Mapping[str, Any] | Recipe
"""A recipe as a caller gives it: a name, the path of a TOML file, its table, or what `read` has made."""


def read(
    recipe: RecipeLike,
    known: KnownRecipes,
    kinds: Kinds = SHIPPED_KINDS,
    *,
    data: str | Path | None = None,
    dataset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    batch_size: int | None = None,
    **run: Any,
) -> Recipe:
    """The typed recipe, with what is given laid on it. None: as the recipe has it.

    Args:
        recipe: a name, the path of a TOML file, a table, or what this function returned.
        known: the recipes that have names.
        kinds: the kinds of layers and optimizers that it may name.
        data: where the data set's images lie.
        dataset: another data set; the recipe's options for its own are then dropped.
        overrides: further values; a key may be a path. They are laid over all but `data`.
        batch_size: `training.batch_size`.
        run: settings of `[run]`, as `steps`.

    Raises:
        RecipeError: no such recipe, or something in it is wrong.
    """
    if not isinstance(recipe, Recipe):
        table = load_table(str(recipe) if isinstance(recipe, Path) else recipe, known)
    else:
        table = to_table(recipe)
    given = {"data.set": dataset, "training.batch_size": batch_size} | {f"run.{key}": run[key] for key in run}
    table = override(table, {path: value for path, value in given.items() if value is not None})
    table = override(table, plain(dict(overrides or {})))
    if data is not None:  # last, since another data set would drop it
        table = override(table, {"data.path": str(expanded(data).absolute())})
    return parse(table, kinds)


def load_table(recipe: str | Mapping[str, Any], known: KnownRecipes) -> Table:
    """The table of a recipe, laid over those that it extends.

    recipe: a name, the path of a TOML file, or a table; keys of the latter may be paths, and it may extend others too.

    Raises:
        RecipeError: no such recipe, no TOML, more than a person writes, or one that extends itself.
    """
    tables: list[Table] = []
    files: list[Path] = []
    extended: object = recipe
    while extended is not None:
        if isinstance(extended, str):
            path = find_file(extended, known, files[-1].parent if files else Path())
            table = read_file(path, files)
            files.append(path)
        elif isinstance(extended, Mapping) and not tables:
            table = plain(dict(extended))
        else:
            where = f"recipe {files[-1]}" if files else "a recipe"
            raise RecipeError(f"{where}: extends must be the name of a recipe, not {extended!r}")
        extended = table.pop("extends", None)
        tables.append(table)
    return reduce(override, reversed(tables), {"name": "recipe"})
