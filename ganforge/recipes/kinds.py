"""Tables whose `kind` names what they are the settings of: layers and optimizers, a plugin's among them."""

from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, Union

import msgspec
from msgspec import inspect

from ganforge._io.convert import convert
from ganforge.errors import RecipeError
from ganforge.spec.layers import EmbedLabel, JoinLabel
from ganforge.spec.layers.contract import Layer

T = TypeVar("T")


def read_kind(table: object, kinds: Mapping[str, type[T]], where: str, place: str) -> T:
    """The settings at `place`, of the kind that they name.

    Raises:
        RecipeError: an unknown kind or key, or a wrong value; the message names its place and the near names.
    """
    if not kinds:
        raise RecipeError(f"{where}: {place}: no plugin gives any kind; see `ganforge plugins`, and GANFORGE_PLUGINS")
    union: Any = Union[tuple(kinds.values())]  # noqa: UP007
    found: T = convert(table, union, where, place)
    return found


def read_settings(table: Mapping[str, Any], kinds: Mapping[str, type[T]], where: str, place: str) -> T:
    """Settings as `msgspec.to_builtins` writes them, inner layers included.

    Raises:
        RecipeError: as `read_kind`.
    """
    kind = str(table.get("kind"))
    inner = inner_fields(kinds[kind]) if kind in kinds else ()
    read = {
        field: tuple(
            read_settings(each, kinds, where, f"{place}.{field}[{number}]") for number, each in enumerate(table[field])
        )
        for field in inner
        if field in table
    }
    return read_kind({**table, **read}, kinds, where, place)


def inner_fields(kind: type) -> frozenset[str]:
    """Fields of a kind that hold other layers, as a residual block's `layers`."""
    return _inner_fields(kind)


@cache
def _inner_fields(kind: Hashable) -> frozenset[str]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return frozenset(
        field.encode_name
        for field in info.fields
        if isinstance(field.type, inspect.VarTupleType)
        and isinstance(field.type.item_type, inspect.CustomType)
        and field.type.item_type.cls is Layer
    )


def reads_labels(layers: Sequence[Layer]) -> bool:
    """Whether any of the layers uses the label, inner ones included."""
    return any(
        each.reads_labels or any(reads_labels(getattr(each, field)) for field in inner_fields(type(each)))
        for each in layers
    )


def without_labels(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers but those that only join a label, inner ones included."""
    return tuple(_without_labels(each) for each in layers if not isinstance(each, JoinLabel | EmbedLabel))


def _without_labels(layer: Layer) -> Layer:
    inner = {field: without_labels(getattr(layer, field)) for field in inner_fields(type(layer))}
    changed: Layer = msgspec.structs.replace(layer, **inner) if inner else layer  # type: ignore[type-var]
    return changed
