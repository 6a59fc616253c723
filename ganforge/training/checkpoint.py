"""Checkpoints: a state and what it belongs to, written so that a crash at any moment leaves the last good one whole.

`step-00012000/state.safetensors` holds the arrays, `run.json` beside it the step, the recipe and a checksum. A folder
is written under a temporary name, flushed to the disk and renamed; one with its final name is therefore complete.

Who changes what the files hold, be it a field of `About` with a default, or what the checksum is of, raises `FORMAT`,
lets `load` turn every earlier format into today's `About` and `State`, and stores a small run of the new format in
tests/stored: a test reads and resumes one of each.
"""

import json
import os
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors

from ganforge._io.files import PARTIAL, flush, sweep
from ganforge.errors import RunError, WriteError
from ganforge.spec.arrays import Array, State

FORMAT = 2
"""2 added `About.scalars`."""
STATE, ABOUT = "state.safetensors", "run.json"
_TYPES = {"float32": "F32", "float64": "F64"}
"""Names that safetensors has for the types of a state's arrays."""


class About(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in `run.json`."""

    format: int
    step: int
    """Steps done."""
    recipe: dict[str, Any]
    """The resolved recipe's table."""
    data: str
    """Hash of the images (`experiment.images_hash`), to tell another set on resuming."""
    seconds: float
    """Spent on training so far."""
    sha256: str
    """Of the state's file and of all other values."""
    scalars: dict[str, float] = {}
    """As each was last computed: a lazy penalty's is logged until it is computed again. Empty in format 1."""


class LaterFormat(RunError):
    """A checkpoint that a later ganforge wrote. It is not damaged, so nothing may pass it by and write over it."""


class _Head(msgspec.Struct, frozen=True):
    """What every format of `run.json` begins with."""

    format: int


def save(folder: Path, state: State, about: About) -> Path:
    """Write `state` as a checkpoint into `folder`.

    Raises:
        WriteError: it cannot be written; earlier checkpoints are untouched.
    """
    final = folder / f"step-{about.step:08d}"
    partial = folder / f".{final.name}{PARTIAL}"
    try:
        sweep(folder)  # what a killed process left may be what the disk is full of
        partial.mkdir(parents=True)
        digest = sha256()
        _write_state(partial / STATE, state, digest.update)
        digest.update(_checked(about))
        about = msgspec.structs.replace(about, sha256=digest.hexdigest())
        _write(partial / ABOUT, msgspec.json.format(msgspec.json.encode(about)))
        flush(partial)
        partial.rename(final)
        flush(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise WriteError(
            f"checkpoint {final} cannot be written: {error.strerror}; what was saved before is untouched"
        ) from error
    return final


def prune(folder: Path, *, keep: int, keep_every: int | None = None, best: int | None = None) -> None:
    """Remove earlier checkpoints: all but the `keep` newest, those of steps that `keep_every` divides, and the best."""
    for old in checkpoints(folder)[:-keep]:
        if step_of(old) != best and (keep_every is None or step_of(old) % keep_every):
            _discard(old)


def _discard(path: Path) -> None:
    """Take a checkpoint away, all of it at once for whoever reads beside."""
    hidden = path.with_name(f".{path.name}.old{PARTIAL}")
    with suppress(OSError):  # it stays, then, and is tried again after the next one
        path.rename(hidden)
        shutil.rmtree(hidden)


def set_aside(folder: Path, step: int) -> None:
    """Give checkpoints later than `step` names that do not count; they are damaged, and a run goes on before them.

    Under their own names they would push out good ones, and be in the way of those that the run will write.

    Raises:
        WriteError: they cannot be renamed.
    """
    for path in checkpoints(folder):
        if step_of(path) > step:
            aside = path.with_name(f"{path.name}.damaged")
            try:
                shutil.rmtree(aside, ignore_errors=True)  # of an earlier time
                path.rename(aside)
            except OSError as error:
                raise WriteError(f"{path} cannot be set aside: {error.strerror}") from error


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    while True:
        named = [path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdecimal()]
        found = [path for path in named if path.is_dir()]
        if all(map(os.path.lexists, named)):  # else one was removed beside us, and a newer one may have come unseen
            return sorted(found, key=step_of)


def step_of(path: Path) -> int:
    """The step of a checkpoint, by its name."""
    return int(path.name.removeprefix("step-"))


def every_array(name: str) -> bool:
    """Whether an array is wanted: each is."""
    return True


def load(path: Path, wanted: Callable[[str], bool] = every_array) -> tuple[About, State]:
    """A checkpoint, verified whole.

    wanted: tells by its name whether an array is read; the others take no memory.

    Raises:
        LaterFormat: it needs a later ganforge.
        RunError: a file is missing or damaged; the message names it.
    """
    try:
        text = (path / ABOUT).read_bytes()
        with (path / STATE).open("rb") as file:
            digest = file_digest(file, "sha256")
        head = msgspec.json.decode(text, type=_Head)
        if head.format > FORMAT:
            raise LaterFormat(
                f"checkpoint {path} has format {head.format}, this ganforge reads up to {FORMAT}; update ganforge, or "
                "move that folder away to go on from the one before"
            )
        if head.format < 1:
            raise RunError(f"checkpoint {path} is damaged: {ABOUT}: there is no format {head.format}")
        about = msgspec.json.decode(text, type=About)
    except OSError as error:
        raise RunError(f"checkpoint {path} is damaged: {error.filename}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RunError(f"checkpoint {path} is damaged: {ABOUT}: {error}") from error
    digest.update(_checked(about))
    if digest.hexdigest() != about.sha256:
        raise RunError(f"checkpoint {path} is damaged: {STATE} or {ABOUT} does not have the checksum given there")
    try:
        with safetensors.safe_open(path / STATE, "numpy") as arrays:  # mapped, not read; the names come in any order
            return about, {name: _read(arrays, name) for name in sorted(arrays.keys()) if wanted(name)}
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, OSError) as error:  # of types NumPy lacks too
        raise RunError(f"checkpoint {path} is damaged: {STATE}: {error}") from error


def _read(arrays: Any, name: str) -> Array:
    # Checked here: NumPy knows further types once a framework has been imported.
    if (kind := arrays.get_slice(name).get_dtype()) not in _TYPES.values():
        raise TypeError(f"{name} is of type {kind}; a state's arrays are F32 or F64")
    array: Array = arrays.get_tensor(name)
    return array


def _checked(about: About) -> bytes:
    """What the checksum covers beside the state's file."""
    return msgspec.json.encode(msgspec.structs.replace(about, sha256=""))


def _write_state(path: Path, state: State, hashed: Callable[[bytes | memoryview], object]) -> None:
    """Write a file as safetensors defines it, array by array: all at once would take the memory a second time.

    `hashed` is given all that is written.
    """
    header: dict[str, Any] = {}
    end = 0
    for name, array in state.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _TYPES[array.dtype.name], "shape": array.shape, "data_offsets": (begin, end)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # arrays begin at a multiple of eight bytes
    parts: list[bytes | memoryview] = [struct.pack("<Q", len(text)), text]
    parts += (np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in state.values())
    with path.open("wb") as file:
        for part in parts:
            hashed(part)
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
