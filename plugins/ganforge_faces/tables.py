"""CelebA's tables: a row of small integers for each image, in the official text form or as the CSV of its copies.

list_attr_celeba.txt        a line with the number of images, a line with the names of the columns, the rows
list_eval_partition.txt     the rows alone, of one column
*.csv                       a line with the names of the columns, of which the first is image_id, the rows
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from ganforge.data import ImageFile, printable_name
from ganforge.errors import DataError, near_names

_LONGEST_LINE = 10_000  # CelebA's have a few hundred characters
_FOLDERS = ("", "Anno", "Eval", "..")  # copied together; as the official folders have it; beside the images


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table."""

    table: Path
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


def read_column(root: Path, table: str, column: str) -> Column:
    """A column of the table called `table`, .txt or .csv, for the images in `root`.

    Raises:
        DataError: the table is not there or lacks the column, or is damaged: the line is named.
    """
    choices = [root / folder / f"{table}{suffix}" for folder in _FOLDERS for suffix in (".txt", ".csv")]
    path = next((choice for choice in choices if choice.is_file()), None)
    if path is None:
        raise DataError(f"{root}: {table}.txt, which CelebA brings, is not there: it has the {column!r} of each image")
    try:
        return Column(table=path, values=_read(path, column))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _read(path: Path, column: str) -> dict[str, int]:
    values: dict[str, int] = {}
    promised: int | None = None
    names: list[str] | None = None
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(_LONGEST_LINE + 1), ""), start=1):
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
