"""From plain data to typed settings, with errors that a person can act on: the place, what is wrong, the near names."""

import re
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import TypeVar

import msgspec
from msgspec import inspect

from ganforge.errors import RecipeError, near_names

T = TypeVar("T")


def convert(table: object, kind: type[T], where: str) -> T:
    """`table` as a `kind`.

    Raises:
        RecipeError: an unknown key or a wrong value; the message names `where`, its place there, and the near names.
    """
    try:
        _refuse_extremes(table, where, "")
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise RecipeError(f"{where}: {_worded(str(error), kind)}") from error
    except RecursionError as error:
        raise RecipeError(f"{where}: nested too deeply") from error


def _refuse_extremes(value: object, where: str, place: str) -> None:
    """Refuse what TOML can say and neither JSON nor arithmetic can carry: inf, nan, integers beyond 64 bits."""
    match value:
        case float() if not isfinite(value):
            raise RecipeError(f"{where}: {place} must be a finite number, not {value}")
        case int() if abs(value) >= 2**63:
            raise RecipeError(f"{where}: {place} is too large")
        case Mapping():
            for key, each in value.items():
                _refuse_extremes(each, where, f"{place}.{key}" if place else str(key))
        case list() | tuple():
            for number, each in enumerate(value):
                _refuse_extremes(each, where, f"{place}[{number}]")


def _worded(message: str, kind: type) -> str:
    """msgspec's message with the place in a recipe's own writing and the near names of an unknown key or kind."""
    text, _, place = message.partition(" - at `")
    place = place.rstrip("`").removeprefix("$").removeprefix(".")
    if unknown := re.search(r"unknown field `(.*)`", text):
        keys = {field.encode_name for each in _types_at(kind, place) for field in _fields(each)}
        inside = f" in [{place}]" if place else ""
        return f"unknown key {unknown[1]!r}{inside}; {near_names(unknown[1], keys)}"
    if wrong := re.search(r"Invalid (?:enum )?value '(.*)'", text):
        return f"unknown value {wrong[1]!r} at {place}; {near_names(wrong[1], _values_at(kind, place))}"
    return f"{text}{f', at {place}' if place else ''}"


def _types_at(kind: type, place: str) -> list[inspect.Type]:
    """The types that may stand at a place such as `training.generator` or `generator[3].layers[0]` of a type."""
    types: list[inspect.Type] = [inspect.type_info(kind)]
    for part in re.findall(r"\[|[^.\[\]\d][^.\[\]]*", place):
        types = [inner for each in types for inner in _step(each, part)]
    return [leaf for each in types for leaf in _flat(each)]


def _values_at(kind: type, place: str) -> set[str]:
    """The words that may stand at a place: those of a Literal, or the tags that tell the types of a union apart."""
    table, _, key = place.rpartition(".")
    tagged = [each for each in _types_at(kind, table) if isinstance(each, inspect.StructType) and each.tag_field == key]
    literals = [each for each in _types_at(kind, place) if isinstance(each, inspect.LiteralType)]
    return {str(each.tag) for each in tagged} | {str(value) for each in literals for value in each.values}


def _flat(each: inspect.Type) -> Iterable[inspect.Type]:
    return [leaf for option in each.types for leaf in _flat(option)] if isinstance(each, inspect.UnionType) else [each]


def _fields(each: inspect.Type) -> Iterable[inspect.Field]:
    return [field for leaf in _flat(each) if isinstance(leaf, inspect.StructType) for field in leaf.fields]


def _step(each: inspect.Type, part: str) -> Iterable[inspect.Type]:
    if part == "[":
        return [leaf.item_type for leaf in _flat(each) if isinstance(leaf, inspect.VarTupleType | inspect.ListType)]
    return [field.type for field in _fields(each) if field.encode_name == part]
