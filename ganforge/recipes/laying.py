"""Laying recipes over one another, and single values on top."""

from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any

from ganforge._io.toml import read_toml
from ganforge.errors import RecipeError
from ganforge.recipes.schema import Table

_INSTEAD = {"steps": "epochs", "epochs": "steps"}
"""Keys that give way to another one."""


def merge(base: Table, over: Mapping[str, Any]) -> Table:
    """`base` with `over` laid on it: tables key by key, everything else replaced.

    A table that names another kind of thing (another data set, architecture, loss or optimizer) replaces the old one
    whole, since the options of one mean nothing to the other.
    """
    merged = {key: value for key, value in base.items() if _INSTEAD.get(key) not in over}
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping) and not _other_kind(old, value):
            value = merge(old, value)
        merged[key] = value
    return merged


def _other_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return any(key in old and key in new and old[key] != new[key] for key in ("set", "name", "kind"))


def override(table: Table, values: Mapping[str, Any]) -> Table:
    """`table` with values laid on it one after the other; a key may be a path, as in `{"run.steps": 5}`.

    Raises:
        RecipeError: a key that is neither a name nor a path.
    """
    for path, value in values.items():
        keys = path.split(".") if isinstance(path, str) else [""]
        if not all(keys):
            raise RecipeError(f"overrides take keys such as 'image_size' and 'run.steps', not {path!r}")
        for key in reversed(keys):
            value = {key: value}
        table = merge(table, value)
    return table


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """`key.path=value` of the command line, as values for `override`; a value is TOML, or else plain text.

    A date or a time is plain text too: no setting takes one, but a name may look like one.

    Raises:
        RecipeError: a text that is no assignment.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        keys = [key.strip() for key in path.split(".")]
        if not equals or not all(keys):
            raise RecipeError(f"--set takes key.path=value, as training.latent.size=64, not {assignment!r}")
        try:
            value = read_toml(f"value = {text}")["value"]
        except ValueError:
            value = text.strip()
        values.pop(".".join(keys), None)  # the last one counts, and comes last
        values[".".join(keys)] = text.strip() if isinstance(value, date | time) else value
    return values
