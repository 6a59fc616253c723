"""Recipes: a data set, an architecture and a way of training in one TOML file."""

from ganforge.recipes.kinds import read_settings
from ganforge.recipes.reading import apply_override, load_table, merge, parse, set_run_length, to_table
from ganforge.recipes.schema import (
    ArchitectureSettings,
    DataSettings,
    ImageSize,
    Recipe,
    RecipeEntry,
    RunSettings,
    Table,
)
from ganforge.recipes.shipped import shipped_recipes
from ganforge.recipes.templates import Layers, Measures

__all__ = [
    "ArchitectureSettings",
    "DataSettings",
    "ImageSize",
    "Layers",
    "Measures",
    "Recipe",
    "RecipeEntry",
    "RunSettings",
    "Table",
    "apply_override",
    "load_table",
    "merge",
    "parse",
    "read_settings",
    "set_run_length",
    "shipped_recipes",
    "to_table",
]
