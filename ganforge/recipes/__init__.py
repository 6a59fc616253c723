"""The recipes that come with ganforge, one TOML file each."""

from collections.abc import Iterable
from pathlib import Path

from ganforge.hookspecs import hookimpl
from ganforge.recipe import RecipeEntry


@hookimpl
def ganforge_recipes() -> Iterable[RecipeEntry]:
    """Every TOML file of this folder, by its name."""
    return (RecipeEntry(name=path.stem, path=path) for path in sorted(Path(__file__).parent.glob("*.toml")))
