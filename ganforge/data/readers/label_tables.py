"""Labels from a table beside the images: CSV, JSON lines, StyleGAN's dataset.json."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ganforge.data.folders import ImageFile, printable_name
from ganforge.errors import DataError

_LIMIT = 256 << 20  # bytes of a table
_SHOWN = 3
_FILE_COLUMNS = ("file_name", "filename", "file", "image", "image_id", "path", "img", "name", "id")
_LABEL_COLUMNS = ("label", "labels", "class", "class_name", "category", "target", "y")


def table_labels(
    content: Path | IO[bytes], where: str, files: Sequence[ImageFile], column: str | None
) -> dict[str, str]:
    """The label of each file that a table names, as text, by the file's name.

    Args:
        content: the table.
        where: its name; the suffix says what it is.
        files: the images, which the table may name by path, by name alone, or without the suffix.
        column: that of the labels; None: by its name, or the only one beside the files.

    Raises:
        DataError: no such table, a file that is not there, or a name that several files have.
    """
    rows = _READERS[PurePosixPath(where).suffix.lower()](_text(content, where), where, column)
    found, absent = dict[str, str](), list[str]()
    named = _by_name(files)
    for name, label in rows:
        matches = named.get(name.replace("\\", "/").removeprefix("./"), ())
        if len(matches) > 1:
            raise DataError(f"{where}: {printable_name(name)!r} may be {matches[0]} or {matches[1]}; give the path")
        if not matches:
            absent.append(name)
        elif found.setdefault(matches[0], label) != label:
            raise DataError(f"{where}: two labels for {printable_name(name)!r}: {found[matches[0]]!r} and {label!r}")
    if absent:
        shown = ", ".join(printable_name(name) for name in absent[:_SHOWN])
        more = f" and {len(absent) - _SHOWN:,} more" if len(absent) > _SHOWN else ""
        raise DataError(f"{where}: names files that are not there: {shown}{more}")
    if not found:
        raise DataError(f"{where}: holds no labels")
    return found


def _by_name(files: Sequence[ImageFile]) -> Mapping[str, Sequence[str]]:
    """Files by every name that a table may have for them; a longer one goes before a shorter one."""
    levels: list[Callable[[PurePosixPath], str]] = [
        str,
        lambda path: str(path.with_suffix("")),
        lambda path: path.name,
        lambda path: path.stem,
    ]
    found: dict[str, list[str]] = {}
    for level in levels:
        added: dict[str, list[str]] = {}
        for file in files:
            added.setdefault(level(PurePosixPath(file.name)), []).append(file.name)
        found = added | found
    return found


def _text(content: Path | IO[bytes], where: str) -> str:
    try:
        if isinstance(content, Path):
            with content.open("rb") as file:
                data = file.read(_LIMIT + 1)
        else:
            data = content.read(_LIMIT + 1)
    except OSError as error:
        raise DataError(f"{where}: cannot be read: {error.strerror or error}") from error
    if len(data) > _LIMIT:
        raise DataError(f"{where}: a table of labels of more than {_LIMIT:,} bytes is not read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: is not UTF-8 text: {error}") from error


def _columns(names: Sequence[str], where: str, column: str | None) -> tuple[str, str]:
    """Which column names the files and which the labels."""
    lower = {name.strip().lower(): name for name in names}
    file = next((lower[name] for name in _FILE_COLUMNS if name in lower and lower[name] != column), None)
    file = file or (names[0] if names else "")
    if column is not None:
        if column not in names:
            raise DataError(f"{where}: has no column {column!r}; its columns: {', '.join(names)}")
        return file, column
    label = next((lower[name] for name in _LABEL_COLUMNS if name in lower and lower[name] != file), None)
    others = [name for name in names if name != file]
    if label is None and len(others) != 1:
        raise DataError(
            f"{where}: which column has the labels is not evident; --set data.label_column=NAME, "
            f"one of {', '.join(others)}"
        )
    return file, label or others[0]


def _csv_rows(text: str, where: str, column: str | None) -> Iterable[tuple[str, str]]:
    lines = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in text.partition("\n")[0] else ",")
    try:
        file, label = _columns(list(lines.fieldnames or ()), where, column)
        for number, row in enumerate(lines, 2):
            if not row.get(file) or not row.get(label):
                raise DataError(f"{where}: line {number} has no {file if not row.get(file) else label}")
            yield row[file].strip(), row[label].strip()
    except csv.Error as error:
        raise DataError(f"{where}: is no CSV table: {error}") from error


def _json_lines(text: str, where: str, column: str | None) -> Iterable[tuple[str, str]]:
    rows = [_json(line, f"{where} line {number}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{where}: every line must be an object, as {{"file_name": ..., "label": ...}}')
    file, label = _columns(list(rows[0]) if rows else [], where, column)
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get(file), str) or not isinstance(row.get(label), str | int):
            raise DataError(f"{where}: line {number} has no {file} or no {label}, of text or a whole number")
        yield row[file], str(row[label])


def _style_gan(text: str, where: str, column: str | None) -> Iterable[tuple[str, str]]:
    labels = _json(text, where)
    labels = labels.get("labels") if isinstance(labels, dict) else None
    pairs = list(labels.items()) if isinstance(labels, dict) else labels
    if not isinstance(pairs, list):
        raise DataError(f'{where}: has no labels; {{"labels": [[file, label], ...]}} is what StyleGAN\'s tools write')
    for pair in pairs:
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise DataError(f"{where}: {pair!r:.60} is not [file, label]")
        yield pair[0], _one_label(pair[1], where)


def _one_label(label: Any, where: str) -> str:
    if isinstance(label, list) and sorted(set(label)) in ([0, 1], [1]) and sum(label) == 1:
        label = label.index(1)  # one-hot
    if not isinstance(label, str | int):
        raise DataError(f"{where}: the label {label!r:.60} is neither a whole number nor text")
    return str(label)


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: is no JSON: {error}") from error


_READERS: Mapping[str, Callable[[str, str, str | None], Iterable[tuple[str, str]]]] = {
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".jsonl": _json_lines,
    ".json": _style_gan,
}

TABLE_SUFFIXES = tuple(_READERS)
"""How the names of tables of labels end."""
