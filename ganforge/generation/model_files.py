"""A model in one file: the networks' weights in safetensors, the recipe and the step in its metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from ganforge._io.files import write_whole
from ganforge.errors import GanforgeError, RunError
from ganforge.recipes.schema import Recipe, Table
from ganforge.recipes.tables import to_table
from ganforge.spec.arrays import Array, State

SUFFIX = ".safetensors"
_FORMAT = 1
_KEY = "ganforge"
"""Of the metadata."""


class _About(msgspec.Struct, frozen=True, kw_only=True):
    """What the metadata hold."""

    format: int
    step: int
    recipe: dict[str, Any]


def write_model(path: Path, recipe: Recipe, state: State, step: int) -> Path:
    """Write the weights of a state, without the optimizers' arrays; returns the path.

    Raises:
        GanforgeError: the path has another suffix.
        WriteError: the file cannot be written; what was there is untouched.
    """
    if path.suffix != SUFFIX:
        raise GanforgeError(f"a model's file ends in {SUFFIX}, as model{SUFFIX}, not {path.name!r}")
    weights = {name: np.ascontiguousarray(array) for name, array in state.items() if is_weight(name)}
    about = {"format": _FORMAT, "step": step, "recipe": to_table(recipe)}
    write_whole(path, save_arrays(weights, {_KEY: json.dumps(about)}))
    return path


def read_model(path: Path) -> tuple[Table, State, int]:
    """The recipe's table, the weights and the step of a file that `write_model` wrote.

    Raises:
        RunError: it cannot be read, is damaged, or is no model's file.
    """
    try:
        content = path.read_bytes()
        about = msgspec.json.decode(_metadata(content)[_KEY], type=_About)
        arrays = load_arrays(content)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    except (safetensors.SafetensorError, msgspec.DecodeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is not a model that ganforge saved, or is damaged: {error}") from error
    if (wrong := next((name for name, array in arrays.items() if not _is_number(array)), None)) is not None:
        raise RunError(f"{path} is damaged: {wrong} holds values that are no finite floating-point numbers")
    if about.format != _FORMAT:
        raise RunError(f"{path} has format {about.format}, this ganforge reads {_FORMAT}; update ganforge")
    return about.recipe, dict(sorted(arrays.items())), about.step


def is_weight(name: str) -> bool:
    """Whether an array of a state belongs to a network, not to an optimizer."""
    return not name.startswith("optimizer/")


def _is_number(array: Array) -> bool:
    return array.dtype.kind == "f" and bool(np.isfinite(array).all())


def _metadata(content: bytes) -> Mapping[str, str]:
    """A safetensors file begins with the length of its header, 8 bytes, and the header in JSON."""
    header = msgspec.json.decode(content[8 : 8 + int.from_bytes(content[:8], "little")], type=dict[str, Any])
    found: Mapping[str, str] = header["__metadata__"]
    return found
