"""The TOML files of recipes: found by name or path, and read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ganforge._io.paths import expanded
from ganforge._io.toml import read_toml
from ganforge.data.contract import DatasetEntry
from ganforge.errors import RecipeError, near_names
from ganforge.recipes.schema import RecipeEntry, Table

_MOST_BYTES = 1 << 20  # a recipe is written by hand
_MOST_EXTENDED = 20


class _Found(Protocol):
    @property
    def entry(self) -> Any: ...


class KnownRecipes(Protocol):
    """Where recipes are looked up by name: the plugin host."""

    def entries(self, hook: str, kind: type[Any], /) -> Mapping[str, _Found]:
        """By name, the entries of type `kind` that plugins give for a hook."""
        ...


def find_file(name: str, known: KnownRecipes, folder: Path) -> Path:
    """The file of a recipe; a relative path is meant from `folder`, that of the recipe which extends it.

    Raises:
        RecipeError: there is none.
    """
    if name.endswith(".toml") or "/" in name:
        path = folder / expanded(name)
        if not path.is_file():
            raise RecipeError(f"there is no recipe file {path}")
        return path
    entries = known.entries("ganforge_recipes", RecipeEntry)
    if name not in entries:
        if name in known.entries("ganforge_datasets", DatasetEntry):
            raise RecipeError(
                f"there is no recipe {name!r}, but a data set: --dataset {name}; {near_names(name, entries)}"
            )
        raise RecipeError(
            f"unknown recipe {name!r} (a file is given by its path, as ./{name}.toml); {near_names(name, entries)}"
        )
    found: Path = entries[name].entry.path
    return found


def read_file(path: Path, seen: Sequence[Path]) -> Table:
    """The table of one file. `seen`: those that extend it."""
    if path.resolve() in [each.resolve() for each in seen]:  # however it is reached
        raise RecipeError(
            f"recipe {path} extends itself, by way of {' -> '.join(str(each.resolve()) for each in seen)}"
        )
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
    return {"name": path.stem} | table
