"""Which class each file is of: by its folder, by a table, by a file beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ganforge.data.folders import ImageFile, printable_name
from ganforge.data.readers.label_tables import TABLE_SUFFIXES, table_labels
from ganforge.data.readers.listing import TABLES, Source, beginning
from ganforge.errors import DataError

SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing"})
"""Names of folders that are parts of a data set, not classes."""

_AS_LABELS = "--set data.labels=subfolders makes the first folders the classes"


NO_LABELS = "there are no subfolders, nor a table of labels"
NOT_ASKED = "labels are not asked for"


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """The class of each file, as text."""

    of: Mapping[str, str]
    """By file name; files that are missing have none."""
    note: str
    """Where it comes from."""


def find_labels(
    source: Source, files: Sequence[ImageFile], asked: str, column: str | None
) -> tuple[Labelling | None, str]:
    """The labels that are asked for, or those that are there; None, and why, where there are none.

    Args:
        source: where the files lie.
        files: the images.
        asked: 'auto', 'subfolders', 'none', or the name of a table.
        column: of a table.

    Raises:
        DataError: what is asked for is not there, or two sources disagree.
    """
    if asked == "none":
        return None, NOT_ASKED
    if asked == "subfolders":
        return _first_folders(files), ""
    if asked != "auto":
        return _from_table(source, files, asked, column), ""
    tables = [name for name in TABLES if name in source.listing.beside]
    found = [
        _from_table(source, files, name, column) for name in tables if not _without_labels(source, files, name, column)
    ]
    beside = _beside(source, files)
    if beside is not None:
        found.append(beside)
    folders, why = _folders(files)
    if folders is not None and not (found and _are_shards(folders)):
        found.append(folders)
    for other in found[1:]:
        _check_agree(found[0], other, files)
    return (found[0], "") if found else (None, why)


def _without_labels(source: Source, files: Sequence[ImageFile], name: str, column: str | None) -> bool:
    """Whether a dataset.json says that there are no labels, as StyleGAN's tools write it."""
    if name != "dataset.json":
        return False
    text = beginning(source.content(source.listing.beside[name]), 200)
    return text.replace(b" ", b"").replace(b"\n", b"") in (b'{"labels":null}', b"{}")


def _from_table(source: Source, files: Sequence[ImageFile], name: str, column: str | None) -> Labelling:
    table = source.listing.beside.get(name)
    if not name.endswith(TABLE_SUFFIXES) or table is None:
        there = [each for each in source.listing.beside if each.endswith(TABLE_SUFFIXES)]
        raise DataError(
            f"data.labels = {name!r}: 'auto', 'subfolders', 'none' or a table beside the images is needed; "
            f"tables that are there: {', '.join(there[:5]) or 'none'}"
        )
    return Labelling(of=table_labels(source.content(table), name, files, column), note=f"labels from {name}")


def _beside(source: Source, files: Sequence[ImageFile]) -> Labelling | None:
    """WebDataset's labels: a file with the suffix .cls beside each image."""
    of = {}
    for file in files:
        path = PurePosixPath(file.name)
        label = source.listing.beside.get(str(path.parent / (path.name.partition(".")[0] + ".cls")))
        if label is None:
            return None
        of[file.name] = beginning(source.content(label), 1000).decode("utf-8", "replace").strip()
    return Labelling(of=of, note="labels from the .cls file beside each image") if of else None


def _first_folders(files: Sequence[ImageFile]) -> Labelling:
    of = {}
    for file in files:
        folder, slash, _ = file.name.partition("/")
        if not slash:
            raise DataError(
                f"{printable_name(file.name)} lies in no subfolder, so it has no class. Move it, or set labels = 'none'"
            )
        of[file.name] = folder
    return Labelling(of=of, note="labels from the subfolders")


def _folders(files: Sequence[ImageFile]) -> tuple[Labelling | None, str]:
    """Subfolders as classes, if every image lies directly in one of at least two; else why not.

    Folders around all of them, and folders of splits, are no classes.
    """
    paths = [(file.name, PurePosixPath(file.name).parts) for file in files]
    level, around = 0, ""
    while len(first := {parts[level] for _, parts in paths if len(parts) > level + 1}) > 0:
        if any(len(parts) <= level + 1 for _, parts in paths):
            break
        if len(first) == 1 and any(len(parts) > level + 2 for _, parts in paths):
            around = f" of {printable_name(next(iter(first)))}"
        elif {name.lower() for name in first} <= SPLITS:
            around = " of the splits"
        else:
            break
        level += 1
    stray = next((name for name, parts in paths if len(parts) <= level + 1), None)
    deep = next((name for name, parts in paths if len(parts) > level + 2), None)
    if stray is not None and not first:
        return None, NO_LABELS
    if stray is not None:
        return None, f"{printable_name(stray)} lies beside the subfolders, so they are no classes; move it into one"
    if deep is not None:
        return None, f"{printable_name(deep)} lies more than one level below its folder; {_AS_LABELS}"
    if len(first) < 2:
        return None, f"there is only one subfolder, {printable_name(next(iter(first), ''))}"
    of = {name: parts[level] for name, parts in paths}
    return Labelling(of=of, note=f"labels from the subfolders{around}"), ""


def _are_shards(folders: Labelling) -> bool:
    """Whether subfolders only hold so many files each, as StyleGAN's tools and archives have them: 00000, 00001, ..."""
    return all((name.isdecimal() and len(name) == 5) or ".tar" in name for name in set(folders.of.values()))


def _check_agree(first: Labelling, other: Labelling, files: Sequence[ImageFile]) -> None:
    """Check that two labellings tell the same files apart, whatever they call the classes."""
    matched: dict[str, tuple[str, str]] = {}
    for file in files:
        one, two = first.of.get(file.name), other.of.get(file.name)
        if one is None or two is None:
            continue
        if matched.setdefault(one, (two, file.name))[0] != two or matched.setdefault(f"\0{two}", (one, ""))[0] != one:
            raise DataError(
                f"{first.note} and {other.note} disagree: {printable_name(file.name)} is {one!r} by the one and "
                f"{two!r} by the other. Choose with --set data.labels=subfolders, none or the table's name"
            )
