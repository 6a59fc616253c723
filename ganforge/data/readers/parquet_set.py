"""Parquet files with a column of images, as Hugging Face's hub has them. Needs pyarrow."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from ganforge.data.class_labels import class_labels
from ganforge.data.contract import ImageFacts, LeftOut, Pixels
from ganforge.data.image_files import image_facts, read_image
from ganforge.data.reading_settings import Reading
from ganforge.errors import DataError

_LABELS = ("label", "labels", "fine_label", "class", "target", "y")
_GROUPS = 4  # row groups that are held in memory


@dataclass(frozen=True, kw_only=True)
class ParquetSet:
    """The images in a column of parquet files, a row group read at a time."""

    files: Sequence[Any]
    """Open `pyarrow.parquet.ParquetFile`s."""
    names: Sequence[str]
    column: str
    starts: npt.NDArray[np.int64]
    """Number of the first image of each row group, and of all images."""
    groups: Sequence[tuple[int, int]]
    """File and row group of each."""
    labels: npt.NDArray[np.int64] | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    reading: Reading
    fingerprint: str
    left_out: tuple[LeftOut, ...] = ()
    _held: "OrderedDict[int, Any]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def label(self, index: int) -> int:
        """Class number of the image."""
        assert self.labels is not None, "an unlabelled set is not asked"
        return int(self.labels[index])

    def where(self, index: int) -> str:
        """File and row."""
        group = int(np.searchsorted(self.starts, index, "right")) - 1
        file, _ = self.groups[group]
        first = min(at for at, (each, _) in enumerate(self.groups) if each == file)
        return f"{self.names[file]} row {index - int(self.starts[first])}"

    def read(self, index: int) -> Pixels:
        """Image `index`, upright: uint8 (height, width, 1 or 3)."""
        return read_image(self._content(index), self.where(index), self.reading)

    def facts(self, index: int) -> ImageFacts:
        """What the image holds."""
        return image_facts(self._content(index), self.where(index), self.reading)

    def _content(self, index: int) -> BytesIO:
        number = int(np.searchsorted(self.starts, index, "right")) - 1
        value = self._group(number)[index - int(self.starts[number])].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise DataError(f"{self.where(index)}: holds no image, only {value!r:.60}")
        return BytesIO(content)

    def _group(self, number: int) -> Any:
        with self._lock:
            if number not in self._held:
                file, group = self.groups[number]
                self._held[number] = self.files[file].read_row_group(group, columns=[self.column]).column(0)
                if len(self._held) > _GROUPS:
                    self._held.popitem(last=False)
            return self._held[number]


def parquet_set(paths: Sequence[Path], label_column: str | None, reading: Reading) -> ParquetSet:
    """The images of parquet files, one after the other.

    Raises:
        DataError: no pyarrow, no such files, or no column of images.
    """
    if find_spec("pyarrow") is None:
        raise DataError(f"{paths[0]}: parquet files need pyarrow: pip install 'ganforge[parquet]'")
    import pyarrow
    from pyarrow import parquet

    try:
        files = [parquet.ParquetFile(path, memory_map=True) for path in paths]
        schema = files[0].schema_arrow
        column = _image_column(schema, pyarrow, paths[0])
        groups = [(file, group) for file, each in enumerate(files) for group in range(each.num_row_groups)]
        rows = [files[file].metadata.row_group(group).num_rows for file, group in groups]
        name = _label_column(schema, label_column, paths[0])
        labels, names, note = None, tuple[str, ...](), "no labels: no column of them"
        if name is not None:
            values = [value for each in files for value in each.read(columns=[name]).column(0).to_pylist()]
            labels, names = class_labels(
                values, sum(rows), f"{paths[0].name}: column {name}", _class_names(schema, name)
            )
            note = f"labels from the column {name}"
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise DataError(f"{paths[0]}: cannot be read as parquet: {error}") from error
    if not sum(rows):
        raise DataError(f"{paths[0]}: holds no rows")
    about = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    text = repr((about, column, name, names)).encode("utf-8", "surrogateescape") + msgspec.json.encode(reading)
    return ParquetSet(
        files=files,
        names=[path.name for path in paths],
        column=column,
        starts=np.concatenate([[0], np.cumsum(rows)]).astype(np.int64),
        groups=groups,
        labels=labels,
        class_names=names,
        notes=(note,),
        reading=reading,
        fingerprint=f"parquet {hashlib.sha256(text).hexdigest()}",
    )


def _image_column(schema: Any, pyarrow: Any, path: Path) -> str:
    types = pyarrow.types
    for each in schema:
        kind = each.type
        if types.is_binary(kind) or types.is_large_binary(kind):
            return str(each.name)
        if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return str(each.name)
    columns = ", ".join(f"{each.name} ({each.type})" for each in schema)
    raise DataError(f"{path}: no column of images, as bytes or as {{bytes, path}}; its columns: {columns}")


def _label_column(schema: Any, asked: str | None, path: Path) -> str | None:
    if asked is not None and asked not in schema.names:
        raise DataError(f"{path}: has no column {asked!r}; its columns: {', '.join(schema.names)}")
    return asked or next((name for name in _LABELS if name in schema.names), None)


def _class_names(schema: Any, column: str) -> tuple[str, ...] | None:
    """What Hugging Face's libraries write down of a column of classes."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        return tuple(about["info"]["features"][column]["names"])
    except (KeyError, ValueError, TypeError):
        return None
