"""Prepared image sets on disk: each a folder that is either whole and right, or not there.

    <cache>/<name>-<key>/images.npy   uint8 (N, height, width, channels)
                         labels.npy   int64 (N,), for a set with labels
                         meta.json    what it is and what was left out

An entry is made in a hidden folder beside its place and moved there in one step. One process makes it and the others
that want it wait; where the file system has no locks they all make it, the first to finish wins, and the others use
what it made.
"""

import io
import math
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import platformdirs

from ganforge._io.locks import in_turn
from ganforge._io.paths import expanded
from ganforge.data.contract import ImageShape
from ganforge.data.prefetch import map_rows
from ganforge.data.resizing_settings import PLAIN, Resizing
from ganforge.errors import DataError

VARIABLE = "GANFORGE_CACHE"
"""Environment variable that names the cache's folder."""

_MAKING = ".ganforge-making-"  # unmistakable, because what is left over of it is removed
_ABANDONED_AFTER = 24 * 3600.0  # seconds; nobody prepares a set for a day, so the maker was killed


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """An image that was left out."""

    where: str
    reason: str


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry holds, as meta.json."""

    name: str
    shape: ImageShape
    resizing: Resizing = PLAIN
    class_names: tuple[str, ...]
    """Empty for a set without labels; there is no labels.npy then."""
    count: int = 0
    """Images in images.npy, without those skipped."""
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry, opened: memory maps that nobody can write to."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64] | None
    meta: Meta


def default_cache() -> Path:
    """The folder that `GANFORGE_CACHE` names, or else the system's place for caches."""
    named = os.environ.get(VARIABLE)
    return expanded(named) if named else platformdirs.user_cache_path("ganforge")


def open_entry(place: Path) -> Entry | None:
    """The entry at `place`; None when it is missing or damaged in any way, which means: make it again."""
    try:
        meta = msgspec.json.decode((place / "meta.json").read_bytes(), type=Meta)
        images = _map(place / "images.npy", np.dtype(np.uint8), (meta.count, *meta.shape))
        labels = _map(place / "labels.npy", np.dtype(np.int64), (meta.count,)) if meta.class_names else None
        if labels is not None and not (0 <= labels.min() and labels.max() < len(meta.class_names)):
            raise ValueError(f"{place} holds labels that are no class")
    except (OSError, ValueError, msgspec.DecodeError):
        return None
    return Entry(images=images, labels=labels, meta=meta)


def _map(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """The array in a .npy file, whose header is not read but must be the one that it would have."""
    header = _header(dtype, shape)
    with path.open("rb") as file:
        found = file.read(len(header))
    if found != header or path.stat().st_size != len(header) + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{path} does not hold {dtype} {shape}")
    return map_rows(path, dtype, shape, offset=len(header))


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    made = io.BytesIO()
    settings = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(made, settings)
    return made.getvalue()


class RowFile:
    """A .npy file that grows row by row, for a number of rows known only at the end.

    Plain writes and not a memory map: on a full disk a write raises, a map kills the process.
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike, row_shape: tuple[int, ...]) -> None:
        self._path = path
        self._dtype = np.dtype(dtype)
        self._row_shape = row_shape
        self._rows = 0
        with _writing(path):
            self._file = path.open("wb")
            self._write_header()
        self._header_bytes = self._file.tell()

    def _write_header(self) -> None:
        self._file.write(_header(self._dtype, (self._rows, *self._row_shape)))

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Add `rows`, (n, *row_shape)."""
        with _writing(self._path):
            self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).data)
        self._rows += len(rows)

    def finish(self) -> None:
        """Set the number of rows right and bring all of it to the disk."""
        with _writing(self._path):
            self._file.seek(0)
            self._write_header()
            assert self._file.tell() == self._header_bytes  # numpy leaves room in the header for the first axis to grow
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file. Finished, it has nothing left to fail with; unfinished, it is thrown away."""
        with suppress(OSError):
            self._file.close()


@contextmanager
def making(place: Path, waiting: Callable[[], None]) -> Iterator[Entry | None]:
    """The right to make the entry at `place`; gives the entry itself where another process has made it meanwhile.

    `waiting` is called once if another process is at it. What one that was killed left of this entry is removed.
    """
    with ExitStack() as held:
        with _writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            locked = held.enter_context(in_turn(place.with_name(f"{_MAKING}{place.name}.lock"), waiting))
        if locked:
            _remove(place.parent.glob(f"{_MAKING}{place.name}-*"))
        yield open_entry(place)


@contextmanager
def scratch(place: Path) -> Iterator[Path]:
    """A new hidden folder beside `place`, in which to make the entry; whatever is left of it is removed afterwards."""
    made = place.with_name(f"{_MAKING}{place.name}-{uuid.uuid4().hex}")
    with _writing(made):
        made.mkdir(parents=True)
        _remove(path for path in place.parent.glob(f"{_MAKING}*") if _is_abandoned(path))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def publish(made: Path, place: Path, meta: Meta) -> Entry:
    """Complete `made` with its meta.json, move it to `place`, and open what then stands there.

    Raises:
        DataError: it could not be moved there, or not be read back.
    """
    with _writing(place):
        if not meta.class_names:
            (made / "labels.npy").unlink()
        with (made / "meta.json").open("wb") as file:
            file.write(msgspec.json.encode(meta))
            file.flush()
            os.fsync(file.fileno())
    damaged = made.with_name(f"{made.name}-damaged")
    for _ in range(3):  # other processes may be doing the same between any two of these lines
        with suppress(OSError):
            made.rename(place)
        entry = open_entry(place)
        if entry is not None:
            return entry
        with suppress(OSError):
            place.rename(damaged)
        shutil.rmtree(damaged, ignore_errors=True)
    raise DataError(f"{place}: what was prepared cannot be put there or cannot be read back. Remove it and try again")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Word a full disk, or a folder that cannot be written to, for the user."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path}: prepared images cannot be written: {error.strerror or error}. "
            f"Make room there, or name another folder in the environment variable {VARIABLE}"
        ) from error


def _is_abandoned(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_AFTER
    except FileNotFoundError:  # its maker has just finished
        return False


def _remove(paths: Iterable[Path]) -> None:
    """Remove what processes that were killed left: half-made entries and their lock files."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
