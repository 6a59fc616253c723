"""Checks that what a registration hook returns has the types that its signature and the entry's fields say."""

import re
from collections.abc import Callable
from dataclasses import Field, fields
from types import UnionType
from typing import Any, get_args, get_origin

from ganforge.plugins import hookspecs
from ganforge.spec.kinds import LayerEntry, OptimizerEntry
from ganforge.spec.layers.contract import Layer
from ganforge.spec.optimizers import Optimizer


def kinds_of(hook: str) -> list[str]:
    """Names of the classes that a registration hook returns, from its signature."""
    return re.findall(r"\w+Entry", getattr(hookspecs, hook).__annotations__["return"])


def check_entry(entry: Any, kinds: list[str]) -> None:
    """Raise where `entry` is not of these classes, or would fail later, when its plugin is no longer at hand.

    Raises:
        TypeError: it is of another class, or a field of another type than it says.
        ValueError: a name that nobody could type.
    """
    home, _, _ = type(entry).__module__.partition(".")
    if home != "ganforge" or type(entry).__name__ not in kinds:
        raise TypeError(f"it gave {entry!r:.60}, which is no {' or '.join(kinds)}")
    for field in fields(entry):
        _check_field(entry, field)
    if isinstance(entry, LayerEntry | OptimizerEntry):
        entry.check_class()
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", entry.name):
        raise ValueError(f"the name {entry.name!r:.60} is not of lower case letters, digits and hyphens")


def _check_field(entry: Any, field: "Field[Any]") -> None:
    value = getattr(entry, field.name)
    if not _fits(value, field.type):
        raise TypeError(
            f"{type(entry).__name__} {entry.name!r:.60}: its {field.name} is {value!r:.60}, not {_worded(field.type)}"
        )


def _worded(kind: Any) -> str:
    if get_origin(kind) is Callable:
        return "a function"
    return f"of type {kind.__name__ if get_origin(kind) is None else kind}"


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, UnionType):
        return any(_fits(value, each) for each in get_args(kind))
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin is Callable:
        return callable(value)
    if origin is type:
        # Of protocols with fields Python cannot tell; what a class lacks, its entry says.
        return isinstance(value, type) and (inner[0] in (Layer, Optimizer) or issubclass(value, inner))
    if not isinstance(origin, type):  # Literal: who asks for the value names those that there are
        return True
    items = value if isinstance(value, tuple) else ()
    return isinstance(value, origin) and all(_fits(each, inner[0]) for each in items)
