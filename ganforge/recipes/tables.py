"""A recipe as plain data."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ganforge.recipes.schema import Recipe, Table


def to_table(recipe: Recipe) -> Table:
    """The inverse of `parse`: plain data without empty values, ready to be written as TOML."""
    table: Table = _without_none(msgspec.to_builtins(recipe))
    for section in ("data", "architecture"):
        if section in table:
            table[section] |= table[section].pop("options")
    return table


def flat_settings(recipe: Recipe) -> dict[str, str | float | bool]:
    """The settings by dotted key, `training.batch_size`, for programs that log them.

    Lists become text. The layers are left out: they are no hyper-parameters.
    """
    return dict(_flat(to_table(recipe)))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str | float | bool]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str | float | bool | int):
            yield f"{prefix}{key}", value
        elif prefix or key not in ("generator", "discriminator"):
            yield f"{prefix}{key}", ", ".join(map(str, value))


def plain(value: Any) -> Any:
    """Settings made in Python, such as `Conv(...)` or `Adam(...)`, as a recipe's file has them; other values stay."""
    match value:
        case msgspec.Struct():
            return _without_none(msgspec.to_builtins(value))
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
    return value


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return [_without_none(each) for each in value] if isinstance(value, list | tuple) else value
