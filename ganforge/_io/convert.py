"""From plain data to typed settings, with errors that a person can act on: the place, what is wrong, the near names.

msgspec converts, and has the last word. Before that the data are compared with msgspec's own description of the types
(`msgspec.inspect`), since its messages are made for programs: they know no near names, and their wording is not fixed.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from difflib import get_close_matches
from functools import lru_cache
from math import isfinite
from operator import ge, gt, le, lt
from types import NoneType
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from ganforge._io.toml import DEEPEST
from ganforge.errors import RecipeError, near_names

T = TypeVar("T")

_GIVEN: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a decimal number",
    str: "text",
    list: "a list",
    dict: "a table",
    date: "a date",
    time: "a time",
    datetime: "a date and time",
    NoneType: "None",
}
"""Types of values in the words of somebody who writes TOML."""

_TAKEN: Mapping[type[inspect.Type], tuple[type, ...]] = {
    inspect.BoolType: (bool,),
    inspect.IntType: (int,),
    inspect.FloatType: (float, int),
    inspect.StrType: (str,),
    inspect.ListType: (list,),
    inspect.TupleType: (list,),
    inspect.VarTupleType: (list,),
    inspect.DictType: (dict,),
    inspect.StructType: (dict,),
    inspect.NoneType: (NoneType,),
}
"""What each type of a setting can be made of. One that is not here is msgspec's to judge."""


def convert(table: object, kind: type[T], where: str, within: str = "", also: Sequence[str] = ()) -> T:
    """`table`, which stands at `within` of what `where` names, as a `kind`.

    also: paths of keys below it that its type does not show, for the near names of an unknown key.

    Raises:
        RecipeError: an unknown key or a wrong value; the message names `where`, its place there, and the near names.
    """
    _refuse_extremes(table, where, within, DEEPEST)
    for fault in _faults(table, _described(kind), within, also):
        raise RecipeError(f"{where}: {fault}")
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:  # a rule of the type's own, as that low is less than high
        text, _, place = str(error).partition(" - at `$")
        place = f"{within}{place.rstrip('`')}".removeprefix(".")
        raise RecipeError(f"{where}: {text}{f', at {place}' if place else ''}") from error


def _described(kind: object) -> inspect.Type:
    """msgspec's description of a type; that of all layers takes it 10 ms, and a recipe asks for it at each of them."""
    assert isinstance(kind, Hashable)
    return _kept_description(kind)


@lru_cache(maxsize=64)
def _kept_description(kind: Hashable) -> inspect.Type:
    return inspect.type_info(kind)


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


def _faults(value: object, kind: inspect.Type, place: str, also: Sequence[str] = ()) -> Iterator[str]:
    """What is wrong with a value at a place such as `training.generator` or `generator[3].layers[0]`."""
    given, options = _type_of(value), _options(kind)
    if given not in _GIVEN or not all(map(_taken, options)):
        return  # not plain data, or a type that is not known here
    fitting = [each for each in options if given in _taken(each)]
    if not fitting:
        words = list(dict.fromkeys(_word(each) for each in options if not isinstance(each, inspect.NoneType)))
        if "a table" in words and any(isinstance(each, inspect.NoneType) for each in options):
            words.append("none")
        quotes = words == ["text"] and given not in (list, dict, NoneType)
        yield f"{place or 'it'} must be {_either(words)}, not {_GIVEN[given]}{'; put it in quotes' if quotes else ''}"
    elif isinstance(value, Mapping):
        yield from _table_faults(value, fitting, place, also)
    elif isinstance(value, list | tuple):
        yield from _list_faults(value, fitting[0], place, also)
    elif all(faults := [_value_fault(value, each, place) for each in fitting]):
        yield faults[0]


def _table_faults(
    table: Mapping[Any, object], options: Sequence[inspect.Type], place: str, also: Sequence[str]
) -> Iterator[str]:
    if isinstance(options[0], inspect.DictType):
        for key, value in table.items():
            yield from _faults(value, options[0].value_type, _inside(place, key), also)
        return
    structs = {each.tag: each for each in options if isinstance(each, inspect.StructType)}
    struct = next(iter(structs.values()))
    if (tag := struct.tag_field) in table or len(structs) > 1:
        tags = inspect.LiteralType(tuple(structs))
        wrong = (
            [*_faults(table[tag], tags, _inside(place, tag), also)]
            if tag in table
            else [_missing(str(tag), tags, place)]
        )
        if wrong:
            yield from wrong
            return
        struct = structs[table[tag]]  # type: ignore[index]
    fields = {field.encode_name: field for field in struct.fields}
    for key, value in table.items():
        if key in fields:
            yield from _faults(value, fields[key].type, _inside(place, key), also)
        elif key != tag and struct.forbid_unknown_fields:
            yield f"unknown key {str(key)!r}{_of_table(place)}; {_suggestion(str(key), struct, place, also)}"
    for name, field in fields.items():
        if field.required and name not in table:
            yield _missing(name, field.type, place)


def _suggestion(wrong: str, struct: inspect.StructType, place: str, also: Sequence[str]) -> str:
    """The keys of that name deeper down, or else the near names of this table's keys, or else of those deeper down."""
    own = [field.encode_name for field in struct.fields]
    inside = [path.removeprefix(f"{place}.") for path in also if path.startswith(f"{place}." if place else "")]
    below = {path: path.rpartition(".")[2] for path in (*_paths(struct, ""), *inside) if "." in path}
    near = [wrong] if wrong in below.values() else get_close_matches(wrong, own, n=1, cutoff=0.75)
    near = near or get_close_matches(wrong, below.values(), n=1, cutoff=0.75)
    found = [repr(_inside(place, path)) for path, name in below.items() if name in near][:3]
    return f"did you mean {_either(found)}?" if found else near_names(wrong, own)


def _paths(struct: inspect.StructType, place: str) -> Iterator[str]:
    """The path of every key of a struct and below."""
    for field in struct.fields:
        path = _inside(place, field.encode_name)
        yield path
        for each in _options(field.type):
            if isinstance(each, inspect.StructType):
                yield from _paths(each, path)


def _list_faults(values: Sequence[object], kind: Any, place: str, also: Sequence[str]) -> Iterator[str]:
    fixed = isinstance(kind, inspect.TupleType)
    kinds = kind.item_types if fixed else (kind.item_type,) * len(values)
    if len(values) != len(kinds):
        yield f"{place or 'it'} must be a list of length {len(kinds)}, not {len(values)}"
    for number, (value, each) in enumerate(zip(values, kinds, strict=False)):
        yield from _faults(value, each, f"{place}[{number}]", also)


def _value_fault(value: Any, kind: inspect.Type, place: str) -> str:
    """What is wrong with a number, a text or the like that may stand there; empty if nothing is."""
    match kind:
        case inspect.LiteralType(words) if value in words:
            return ""
        case inspect.LiteralType(words) if isinstance(value, str):
            return f"unknown value {value!r} at {place or 'it'}; {near_names(value, map(str, words))}"
        case inspect.LiteralType(words):
            return f"{place or 'it'} must be {_either(sorted(map(str, words)))}, not {value}"
        case inspect.IntType() | inspect.FloatType() if not all(holds(value, each) for _, holds, each in _bounds(kind)):
            return f"{place or 'it'} must be {_number(kind)}"
    return ""


def _missing(name: str, kind: inspect.Type, place: str) -> str:
    """That a key is missing, and what it may be where that is a few words or a number."""
    hint = ""
    for each in _options(kind):
        if isinstance(each, inspect.LiteralType):
            hint = f"; it may be {_either(sorted(map(str, each.values)))}"
        elif isinstance(each, inspect.IntType | inspect.FloatType):
            hint = hint or f"; it must be {_number(each)}"
    return f"key {name!r} is missing{_of_table(place)}{hint}"


def _type_of(value: object) -> type:
    return dict if isinstance(value, Mapping) else list if isinstance(value, tuple) else type(value)


def _options(kind: inspect.Type) -> list[inspect.Type]:
    match kind:
        case inspect.UnionType(types):
            return [option for each in types for option in _options(each)]
        case inspect.Metadata(inner):
            return _options(inner)
    return [kind]


def _taken(kind: inspect.Type) -> tuple[type, ...]:
    if isinstance(kind, inspect.LiteralType):
        return tuple(dict.fromkeys(type(value) for value in kind.values))
    return () if isinstance(kind, inspect.StructType) and kind.array_like else _TAKEN.get(type(kind), ())


def _word(kind: inspect.Type) -> str:
    return "a number" if isinstance(kind, inspect.FloatType) else _either(_GIVEN[each] for each in _taken(kind))


def _number(kind: inspect.IntType | inspect.FloatType) -> str:
    return f"{_word(kind)} {' and '.join(f'{sign} {bound:g}' for sign, _, bound in _bounds(kind))}".rstrip()


def _bounds(kind: inspect.IntType | inspect.FloatType) -> list[tuple[str, Callable[[float, float], bool], float]]:
    bounds = ((">", gt, kind.gt), (">=", ge, kind.ge), ("<", lt, kind.lt), ("<=", le, kind.le))
    return [(sign, holds, bound) for sign, holds, bound in bounds if bound is not None]


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _inside(place: str, key: object) -> str:
    return f"{place}.{key}" if place else str(key)


def _of_table(place: str) -> str:
    return f" in [{place}]" if place else ""
