"""What a finished run is, bit for bit: all that it must share with one that was never stopped."""

import json
import struct
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from ganforge.training import checkpoint


def end_of(run: Path) -> dict[str, Any]:
    """By name: hashes of every array, every image and the recipe, every line of the journal, the events' values.

    Times of day and durations are left out, and nothing else is.
    """
    newest = checkpoint.checkpoints(run / "checkpoints")[-1]
    about, state = checkpoint.load(newest)
    found: dict[str, Any] = {f"array {name}": _hash(array.tobytes()) for name, array in state.items()}
    found |= {"step": about.step, "images trained on": about.data, "recipe of the checkpoint": about.recipe}
    found |= {f"file {path.relative_to(run)}": _hash(path.read_bytes()) for path in sorted(run.rglob("*.png"))}
    found["recipe.toml"] = _hash((run / "recipe.toml").read_bytes())
    for number, line in enumerate((run / "journal.jsonl").read_text().splitlines(keepends=True)):
        assert line.endswith("\n"), "the journal ends within a line"
        found[f"journal line {number}"] = {key: value for key, value in json.loads(line).items() if key != "seconds"}
    found["event values"] = _events(run)
    return found


def left_over(run: Path) -> list[str]:
    """Files of a run that has ended which have no business there."""
    return [str(path.relative_to(run)) for path in run.rglob(".*")]


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names of what differs, or is in one alone."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()


# Event files ---------------------------------------------------------------------------------------------------------


def _events(run: Path) -> list[tuple[int, str]]:
    """Step and hash of every summary that TensorBoard would show, in its order: a later file's start purges."""
    shown: list[tuple[int, str]] = []
    for path in sorted(run.glob("events.out.tfevents.*")):
        for event in _records(path.read_bytes()):
            fields = dict(_fields(event))
            step = fields.get(2, 0)
            if 7 in fields:  # a session log: START
                shown = [each for each in shown if each[0] < step]
            if 5 in fields and b"_hparams_" not in fields[5]:
                shown.append((step, _hash(fields[5])))
    return shown


def _records(content: bytes) -> Iterator[bytes]:
    """The whole records of an event file; one that a kill cut short ends it."""
    place = 0
    while place + 12 <= len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        place += 12 + length + 4
        if place <= len(content):
            yield content[place - 4 - length : place - 4]


def _fields(event: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protocol buffer."""
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = event[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(event):
        key = varint()
        match key & 7:
            case 0:
                yield key >> 3, varint()
            case 1:
                place += 8
                yield key >> 3, event[place - 8 : place]
            case 2:
                length = varint()
                place += length
                yield key >> 3, event[place - length : place]
