"""Laying recipes over one another, and single values on top."""

import warnings
from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any

from ganforge._io.toml import read_toml
from ganforge.errors import RecipeError
from ganforge.recipes.leaving_out import is_nothing
from ganforge.recipes.schema import Table
from ganforge.spec.gan import NETWORKS

_INSTEAD = {"steps": "epochs", "epochs": "steps", "half_life": "decay", "ramp_up": "decay"}
"""Keys that give way to another one: with a half-life an average's decay would have no effect."""


def merge(base: Table, over: Mapping[str, Any]) -> Table:
    """`base` with `over` laid on it: tables key by key, everything else replaced.

    A table that names another kind of thing (another data set, architecture, loss or optimizer) replaces the old one
    whole, since the options of one mean nothing to the other. "none" and None stay values here, which a table laid on
    them replaces; `parse` leaves them out.
    """
    merged = {key: value for key, value in base.items() if is_nothing(over.get(_INSTEAD.get(key, "")))}
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
        table = merge(table, with_new_names(value))
    return table


def with_new_names(table: Mapping[str, Any]) -> Table:
    """`table` with the keys that once had other names under those of today: an optimizer's `rate`.

    Every recipe passes here, be it of a file, of `--set` or of an old run, before it is laid on another.
    """
    training = table.get("training")
    if not isinstance(training, Mapping):
        return {**table}
    players = {name: _with_learning_rate(training[name], name) for name in NETWORKS if name in training}
    return {**table, "training": {**training, **players}}


def _with_learning_rate(player: object, network: str) -> object:
    optimizer = player.get("optimizer") if isinstance(player, Mapping) else None
    if not isinstance(optimizer, Mapping) or "rate" not in optimizer or "learning_rate" in optimizer:
        return player
    place = f"training.{network}.optimizer"
    warnings.warn(f"{place}.rate is now {place}.learning_rate; it was read as that", FutureWarning, stacklevel=2)
    assert isinstance(player, Mapping)
    renamed = {"learning_rate" if key == "rate" else key: value for key, value in optimizer.items()}
    return {**player, "optimizer": renamed}


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
