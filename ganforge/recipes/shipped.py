"""The recipes that come with ganforge, one TOML file each, in `library`."""

from pathlib import Path

from ganforge.recipes.schema import RecipeEntry


def shipped_recipes() -> tuple[RecipeEntry, ...]:
    """Every TOML file of `library`, by its name."""
    return tuple(
        RecipeEntry(name=path.stem, path=path) for path in sorted((Path(__file__).parent / "library").glob("*.toml"))
    )
