"""The journal: `journal.jsonl` in the run's folder, one line of JSON for each logged step.

{"step": 500, "images": 32000, "epoch": 17.8571, "seconds": 4.1, "d_loss": 1.19, ...}
"""

import json
from collections.abc import Mapping
from math import nan
from pathlib import Path

import numpy as np

from ganforge._io.files import append, write_whole
from ganforge.errors import RunError
from ganforge.plugins.markers import hookimpl
from ganforge.plugins.run_view import RunView
from ganforge.spec.arrays import Array

NAME = "journal.jsonl"
_COUNTS = ("step",)
"""Whole numbers, which every line has."""


@hookimpl
def ganforge_run_started(run: RunView) -> None:
    """Cut off lines of steps that a killed process did after its last checkpoint: they will be done again."""
    path = run.folder / NAME
    if not path.exists():
        return
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    kept = [line for line in lines if (entry := _parsed(line)) and entry["step"] <= run.start]
    if kept != lines:
        write_whole(path, b"".join(kept))


@hookimpl
def ganforge_step_finished(run: RunView, step: int, scalars: Mapping[str, float] | None) -> None:
    """Add a line on logged steps."""
    if scalars is None:
        return
    line = {
        "step": step,
        "images": run.images_taken,
        "epoch": round(run.epoch, 4),
        "seconds": round(run.seconds, 3),
        **scalars,
    }
    append(run.folder / NAME, f"{json.dumps(line)}\n".encode())


def read(folder: Path) -> list[dict[str, float]]:
    """The lines of a run's journal, in order; one that is just being written, or was cut short, is left out.

    Raises:
        RunError: there is no journal, or it cannot be read.
    """
    path = folder / NAME
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError as error:
        raise RunError(f"run {folder} has no {NAME} yet: no step has been logged") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    return [entry for line in lines if (entry := _parsed(line))]


def history(folder: Path) -> dict[str, Array]:
    """A run's journal as an array (N,) for each name; NaN where a line lacks it. Empty: nothing has been logged."""
    entries = read(folder) if (folder / NAME).exists() else []
    names = dict.fromkeys(name for entry in entries for name in entry)
    columns = {name: np.array([entry.get(name, nan) for entry in entries], dtype=np.float64) for name in names}
    return {name: column.astype(np.int64) if name in _COUNTS else column for name, column in columns.items()}


def _parsed(line: bytes) -> dict[str, float] | None:
    """A line: its step and numbers by name. None: it was cut short, or is no line of a journal."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not all(_is_number(value) for value in entry.values()):
        return None
    return entry if type(entry.get("step")) is int and entry["step"] > 0 else None


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**63)
