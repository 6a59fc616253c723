"""CelebA's tables: a row of small integers for each image, in the official text form or as the CSV of its copies.

list_attr_celeba.txt        a line with the number of images, a line with the names of the columns, the rows
list_eval_partition.txt     the rows alone, of one column
*.csv                       a line with the names of the columns, of which the first is image_id, the rows
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path, PurePath
from typing import IO

from ganforge.data import FileSet, ImageFile, printable_name
from ganforge.errors import DataError, near_names

IMAGES, ATTRIBUTES, PARTITION = "img_align_celeba", "list_attr_celeba", "list_eval_partition"
"""CelebA's folder of images and its tables."""

_SPLITS = {"train": 0, "valid": 1, "test": 2}
_LONGEST_LINE = 10_000  # CelebA's have a few hundred characters
_FOLDERS = ("", "Anno", "Eval", "..")  # copied together; as the official folders have it; beside the images


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table that was found."""

    where: str
    content: Path | IO[bytes]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table."""

    table: str
    values: Mapping[str, int]
    """By the image's name without suffix, since there is a PNG version of the images with the same tables."""

    def of(self, file: ImageFile) -> int:
        """The value of an image's file.

        Raises:
            DataError: the table has no row for it.
        """
        value = self.values.get(PurePath(file.name).stem)
        if value is None:
            raise DataError(f"{self.table}: no row for the image {printable_name(file.name)}")
        return value


def named(images: FileSet, table: str) -> list[str]:
    """The names of the files beside the images that are this table."""
    return [name for name in images.source.listing.beside if PurePath(name).stem == table]


def check_split(split: str, table: str) -> None:
    """Check that a split is one of CelebA's.

    Raises:
        DataError: it is not; the message names the near ones.
    """
    if split not in _SPLITS:
        raise DataError(f"data.split = {split!r}: no split of {table}; {near_names(split, ['all', *_SPLITS])}")


def in_split(partition: Column, file: ImageFile, split: str) -> bool:
    """Whether an image is of the split 'train', 'valid' or 'test'."""
    return partition.of(file) == _SPLITS[split]


def root_of(path: Path, part: str | None) -> Path:
    """The folder whose tables are meant: that of the part, of all images, or that the archive lies in."""
    root = path.expanduser()
    root = root if root.is_dir() else root.parent
    return root / part if part is not None and (root / part).is_dir() else root


def find_table(root: Path, name: str, images: FileSet | None = None) -> Table | None:
    """The table of this name, .txt or .csv, in a folder or beside it, else in the archive that the images are from."""
    files = [f"{name}{suffix}" for suffix in (".txt", ".csv")]
    path = next(
        (root / folder / file for folder in _FOLDERS for file in files if (root / folder / file).is_file()), None
    )
    if path is not None:
        return Table(where=str(path), content=path)
    inside = () if images is None else images.source.listing.beside.values()
    found = next((file for file in inside if PurePath(file.name).name in files), None)
    if images is None or found is None:
        return None
    return Table(where=printable_name(found.name), content=images.source.content(found))


def read_column(table: Table, column: str) -> Column:
    """A column of a table.

    Raises:
        DataError: the table lacks the column or is damaged: the line is named.
    """
    try:
        with table.content.open("rb") if isinstance(table.content, Path) else table.content as file:
            lines = TextIOWrapper(file, "utf-8", errors="replace")
            rows = iter(lambda: lines.readline(_LONGEST_LINE + 1), "")
            return Column(table=table.where, values=_read(rows, table.where, column))
    except OSError as error:
        raise DataError(f"{table.where}: cannot be read: {error.strerror or error}") from error


def _read(lines: Iterable[str], path: str, column: str) -> dict[str, int]:
    values: dict[str, int] = {}
    promised: int | None = None
    names: list[str] | None = None
    for number, line in enumerate(lines, start=1):
        if len(line) > _LONGEST_LINE:
            raise DataError(f"{path} line {number}: more than {_LONGEST_LINE:,} characters. Get the file anew")
        fields = line.replace(",", " ").split()
        if names is None and promised is None and len(fields) == 1 and fields[0].isdecimal():
            promised = int(fields[0][:12])
        elif names is None and (promised is not None or fields[:1] == ["image_id"]):
            names = [name for name in fields if name != "image_id"]
            if column not in names:
                raise DataError(f"{path}: no column {column!r}; {near_names(column, names)}")
        elif fields:
            names = names or [column]
            values[PurePath(fields[0]).stem] = _value(fields, names, column, f"{path} line {number}")
    if promised not in (None, len(values)):
        raise DataError(f"{path}: its first line promises {promised:,} images, it has {len(values):,}. Get it anew")
    return values


def _value(fields: list[str], names: list[str], column: str, where: str) -> int:
    if len(fields) != len(names) + 1:
        raise DataError(f"{where}: {len(fields)} entries, not an image and {len(names)} values. Get the file anew")
    value = fields[names.index(column) + 1]
    if value not in ("-1", "0", "1", "2"):
        raise DataError(f"{where}: {value[:20]!r} is no value of {column!r}. Get the file anew")
    return int(value)
