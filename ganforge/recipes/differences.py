"""How two recipes differ: every setting that is not the same, layer by layer where layers are written out."""

import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, NamedTuple

from ganforge.recipes.schema import Table

_FREE = {"data.path", "data.max_bad", "evaluation"} | {
    f"run.{key}"
    for key in (
        "steps",
        "epochs",
        "device",
        "backend",
        "log_every",
        "sample_every",
        "checkpoint_every",
        "keep",
        "keep_every",
    )
}
"""What a run may change on its way without being another run."""


class Difference(NamedTuple):
    """A setting that two recipes do not share."""

    setting: str
    """Its path, as `training.batch_size` and `generator[2].layers[0].kernel`; of a layer, its number in the first."""
    ours: Any
    """None: the first has no such setting, or no such layer."""
    theirs: Any


def differences(recipe: Table, other: Table) -> list[str]:
    """What differs between two recipes, one line a field: `training.batch_size: 64, 32`.

    Where the images lie, how long to run, on what, what to measure and what to leave behind may differ and are not
    listed.
    """
    return [
        f"{each.setting}: {each.ours!r}, {each.theirs!r}"
        for each in compare(recipe, other)
        if each.setting not in _FREE and each.setting.partition(".")[0] not in _FREE
    ]


def compare(recipe: Table, other: Table, prefix: str = "") -> Iterator[Difference]:
    """Every setting that differs between the tables of two recipes, in alphabetical order."""
    for key in sorted(set(recipe) | set(other)):
        yield from _compare(recipe.get(key), other.get(key), f"{prefix}{key}")


def _compare(ours: Any, theirs: Any, place: str) -> Iterator[Difference]:
    match ours, theirs:
        case dict(), dict() if ours.get("kind") == theirs.get("kind"):
            yield from compare(ours, theirs, f"{place}.")
        case ((list() | None), (list() | None)) if _are_layers(ours or []) and _are_layers(theirs or []):
            yield from _layers(ours or [], theirs or [], place)
        case _ if ours != theirs:
            yield Difference(place, ours, theirs)


def _are_layers(items: Sequence[Any]) -> bool:
    return all(isinstance(each, dict) for each in items)


def _layers(ours: Sequence[Table], theirs: Sequence[Table], place: str) -> Iterator[Difference]:
    """The same layers of both lie side by side; between them, those that changed, in order."""
    one, other = ([json.dumps(each, sort_keys=True) for each in layers] for layers in (ours, theirs))
    for change, first, last, start, end in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if change != "equal":
            pairs = zip_longest(ours[first:last], theirs[start:end])
            for number, (before, after) in enumerate(pairs, start=first):
                yield from _compare(before, after, f"{place}[{number}]")
