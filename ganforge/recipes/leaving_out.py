"""Leaving settings out: TOML has no null, so a recipe, or --set, says "none" of what another recipe has set."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from ganforge.recipes.schema import Table

NOTHING = "none"


def is_nothing(value: object) -> bool:
    """Whether a value leaves its setting out: "none", or None in Python."""
    return value is None or (isinstance(value, str) and value == NOTHING)


def without_nothing(table: Mapping[str, Any], settings: type) -> Table:
    """`table`, inner tables included, with None where it says "none" of a setting of `settings` that may be None.

    "none" stays text where the setting may not be None: it may be one of its words.
    """
    options = _options_of_fields(settings)
    return {key: _without_nothing(value, options.get(key, ())) for key, value in table.items()}


def absent_tables(settings: msgspec.Struct, place: str) -> Iterator[str]:
    """The paths of the tables below `place` that `settings` leaves out."""
    for name, options in _options_of_fields(type(settings)).items():
        value = getattr(settings, name)
        if isinstance(value, msgspec.Struct):
            yield from absent_tables(value, f"{place}.{name}")
        elif value is None and any(isinstance(each, inspect.StructType) for each in options):
            yield f"{place}.{name}"


def _without_nothing(value: Any, options: Sequence[inspect.Type]) -> Any:
    if is_nothing(value) and any(isinstance(each, inspect.NoneType) for each in options):
        return None
    tables = [each for each in options if isinstance(each, inspect.StructType)]
    return without_nothing(value, tables[0].cls) if tables and isinstance(value, Mapping) else value


@cache
def _options_of_fields(settings: Hashable) -> Mapping[str, Sequence[inspect.Type]]:
    """By field, the types that it may be of."""
    info = inspect.type_info(settings)
    assert isinstance(info, inspect.StructType)
    return {
        field.encode_name: field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        for field in info.fields
    }
