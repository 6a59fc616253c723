"""From plain data to typed settings, with errors that a person can act on: the place, what is wrong, the near names."""

import re
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import TypeVar

import msgspec
from msgspec import inspect

from ganforge._io.toml import DEEPEST
from ganforge.errors import RecipeError, near_names

T = TypeVar("T")

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "date": "a date",
    "time": "a time",
    "datetime": "a date and time",
}
"""msgspec's names of types in the words of somebody who writes TOML."""

_GIVEN = _WORDS | {"float": "a decimal number", "list": "a list", "dict": "a table"}
"""Those of a value that is refused."""


def convert(table: object, kind: type[T], where: str) -> T:
    """`table` as a `kind`.

    Raises:
        RecipeError: an unknown key or a wrong value; the message names `where`, its place there, and the near names.
    """
    try:
        _refuse_extremes(table, where, "", DEEPEST)
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise RecipeError(f"{where}: {_worded(str(error), kind)}") from error


def _refuse_extremes(value: object, where: str, place: str, deeper: int) -> None:
    """Refuse what TOML or Python can say and neither files nor arithmetic can carry.

    That is inf, nan, integers beyond 64 bits, text that is no UTF-8 (as a file's name may be), and tables within tables
    more than `deeper` times, before whatever reads them calls itself too often.
    """
    if deeper < 0:
        raise RecipeError(f"{where}: {place[:80]} is nested too deeply")
    match value:
        case float() if not isfinite(value):
            raise RecipeError(f"{where}: {place} must be a finite number, not {value}")
        case int() if abs(value) >= 2**63:
            raise RecipeError(f"{where}: {place} is too large")
        case str() if not _is_text(value):
            raise RecipeError(
                f"{where}: {place} = {value!r} holds bytes that are no UTF-8, which no recipe can hold; rename it"
            )
        case Mapping():
            for key, each in value.items():
                inside = f"{place}.{key}" if place else str(key)
                if not _is_text(str(key)):
                    raise RecipeError(f"{where}: the key {inside!r} holds bytes that are no UTF-8")
                _refuse_extremes(each, where, inside, deeper - 1)
        case list() | tuple():
            for number, each in enumerate(value):
                _refuse_extremes(each, where, f"{place}[{number}]", deeper - 1)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _worded(message: str, kind: type) -> str:
    """msgspec's message in a recipe's own words, with what may stand at the place and near names where it can say."""
    text, _, place = message.partition(" - at `")
    place = place.rstrip("`").removeprefix("$").removeprefix(".")
    inside = f" in [{place}]" if place else ""
    if unknown := re.search(r"unknown field `(.*)`", text):
        keys = {field.encode_name for each in _types_at(kind, place) for field in _fields(each)}
        return f"unknown key {unknown[1]!r}{inside}; {near_names(unknown[1], keys)}"
    if wrong := re.search(r"Invalid (?:enum )?value '(.*)'", text):
        return f"unknown value {wrong[1]!r} at {place}; {near_names(wrong[1], _values_at(kind, place))}"
    if missing := re.search(r"missing required field `(.*)`", text):
        return f"key {missing[1]!r} is missing{inside}{_wanted(kind, f'{place}.{missing[1]}'.removeprefix('.'))}"
    if (wrong := re.fullmatch(r"Invalid enum value (.*)", text)) and (values := _values_at(kind, place)):
        return f"{place} must be {_either(sorted(values))}, not {wrong[1]}"
    if wrong := re.fullmatch(r"Expected `([a-z| ]*)`(.*?)(?:, got `?([^`]*)`?)?", text):
        expected, bound, got = wrong.groups()
        words = _either(_WORDS.get(each, each) for each in expected.split(" | ") if each != "null")
        given = f", not {_GIVEN.get(got, got)}" if got else ""
        quotes = expected == "str" and got not in (None, "array", "list", "object", "dict")
        hint = "; put it in quotes" if quotes else ""
        return f"{place or 'it'} must be {words}{bound.removesuffix('.0')}{given}{hint}"
    return f"{text}{f', at {place}' if place else ''}"


def _wanted(kind: type, place: str) -> str:
    """What a key that is missing may be, where that is a few words or a number."""
    if values := _values_at(kind, place):
        return f"; it may be {_either(sorted(values))}"
    numbers = {
        _number(each) for each in _types_at(kind, place) if isinstance(each, inspect.IntType | inspect.FloatType)
    }
    return f"; it must be {numbers.pop()}" if len(numbers) == 1 else ""


def _number(each: inspect.IntType | inspect.FloatType) -> str:
    bounds = ((">", each.gt), (">=", each.ge), ("<", each.lt), ("<=", each.le))
    limits = " and".join(f" {sign} {bound:g}" for sign, bound in bounds if bound is not None)
    return f"{_WORDS['int' if isinstance(each, inspect.IntType) else 'float']}{limits}"


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


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
