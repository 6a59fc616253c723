"""Recipes: a data set, an architecture and a way of training in one TOML file."""

from ganforge.recipes.kinds import read_settings
from ganforge.recipes.laying import merge, override, parse_assignments
from ganforge.recipes.parsing import parse
from ganforge.recipes.reading import RecipeLike, load_table, read
from ganforge.recipes.recipe_files import KnownRecipes
from ganforge.recipes.schema import (
    ArchitectureSettings,
    DataSettings,
    EvaluationSettings,
    ImageSize,
    Recipe,
    RecipeEntry,
    RunSettings,
    Table,
)
from ganforge.recipes.shipped import shipped_recipes
from ganforge.recipes.tables import flat_settings, to_table
from ganforge.recipes.templates import Layers, Measures

__all__ = [
    "ArchitectureSettings",
    "DataSettings",
    "EvaluationSettings",
    "ImageSize",
    "KnownRecipes",
    "Layers",
    "Measures",
    "Recipe",
    "RecipeEntry",
    "RecipeLike",
    "RunSettings",
    "Table",
    "flat_settings",
    "load_table",
    "merge",
    "override",
    "parse",
    "parse_assignments",
    "read",
    "read_settings",
    "shipped_recipes",
    "to_table",
]
