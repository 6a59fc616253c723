"""Checkpoints: a state and what it belongs to, written so that a crash at any moment leaves the last good one whole.

`step-00012000/state.safetensors` holds the arrays, `run.json` beside it the step, the recipe and a checksum. A folder
is written under a temporary name, flushed to the disk and renamed; one with its final name is therefore complete.
"""

import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from ganforge.errors import RunError
from ganforge.files import flush_folder
from ganforge.parameters import State

FORMAT = 1
STATE, ABOUT = "state.safetensors", "run.json"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in `run.json`."""

    format: int
    step: int
    """Steps done."""
    recipe: dict[str, Any]
    """The resolved recipe's table."""
    data: str
    """Hash of the pictures (`assembly.picture_hash`), to tell another set on resuming."""
    seconds: float
    """Spent on training so far."""
    sha256: str
    """Of the state's file and of all values above."""


class _Head(msgspec.Struct, frozen=True):
    """What every format of `run.json` begins with."""

    format: int


def save(folder: Path, state: State, about: About, *, keep: int) -> Path:
    """Write `state` as a checkpoint into `folder`; afterwards all but the `keep` newest are removed.

    Raises:
        RunError: it cannot be written; earlier checkpoints are untouched.
    """
    final = folder / f"step-{about.step:08d}"
    partial = folder / f".{final.name}.{os.getpid()}"
    content = save_arrays({name: np.ascontiguousarray(array) for name, array in state.items()})
    about = msgspec.structs.replace(about, sha256=_checksum(content, about))
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write(partial / STATE, content)
        _write(partial / ABOUT, msgspec.json.format(msgspec.json.encode(about)))
        flush_folder(partial)
        if final.exists():  # a damaged one of the same step, which a resumed run has passed by
            shutil.rmtree(final)
        partial.rename(final)
        flush_folder(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise RunError(
            f"checkpoint {final} cannot be written: {error.strerror}; what was saved before is untouched"
        ) from error
    # Later ones are damaged: this run has passed them by. They must not push out the good ones before them.
    until_now = [path for path in checkpoints(folder) if _step(path) <= about.step]
    for old in until_now[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    for left in folder.glob(".step-*"):  # of a process that was killed while it wrote
        shutil.rmtree(left, ignore_errors=True)
    return final


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    found = (path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdecimal() and path.is_dir())
    return sorted(found, key=_step)


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def load(path: Path) -> tuple[About, State]:
    """A checkpoint, verified.

    Raises:
        RunError: a file is missing, damaged, or of a later format; the message names it.
    """
    try:
        text, content = (path / ABOUT).read_bytes(), (path / STATE).read_bytes()
        head = msgspec.json.decode(text, type=_Head)
        if head.format > FORMAT:
            raise RunError(f"checkpoint {path} has format {head.format}, this ganforge reads up to {FORMAT}; update it")
        about = msgspec.json.decode(text, type=About)
    except OSError as error:
        raise RunError(f"checkpoint {path} is damaged: {error.filename}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RunError(f"checkpoint {path} is damaged: {ABOUT}: {error}") from error
    if _checksum(content, about) != about.sha256:
        raise RunError(f"checkpoint {path} is damaged: {STATE} or {ABOUT} does not have the checksum given there")
    try:
        return about, dict(sorted(load_arrays(content).items()))  # safetensors gives them in any order
    except safetensors.SafetensorError as error:
        raise RunError(f"checkpoint {path} is damaged: {STATE}: {error}") from error


def _checksum(content: bytes, about: About) -> str:
    digest = sha256(content)
    digest.update(msgspec.json.encode(msgspec.structs.replace(about, sha256="")))
    return digest.hexdigest()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
