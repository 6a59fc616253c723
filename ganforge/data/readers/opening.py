"""What `--data` points at, opened by what it is: a folder, an archive, a table, an array."""

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import cast

from ganforge._io.paths import expanded
from ganforge.data.contract import ImageSet
from ganforge.data.folders import LabelSource, by_subfolder, list_images
from ganforge.data.locate import existing, existing_folder
from ganforge.data.pixel_values import color_of
from ganforge.data.readers.array_files import csv_set, idx_set, npy_set, npz_set
from ganforge.data.readers.file_set import file_set
from ganforge.data.readers.folder_source import folder_source
from ganforge.data.readers.parquet_set import parquet_set
from ganforge.data.readers.tar_source import SUFFIXES as TAR_SUFFIXES
from ganforge.data.readers.tar_source import tar_source
from ganforge.data.readers.zip_source import zip_source
from ganforge.data.reading_settings import PLAIN_OPENING, OpenOptions
from ganforge.errors import DataError

KINDS = "a folder, a .zip or .tar of images, .npy, .npz, .parquet, IDX files, a .csv of pixels, WebDataset shards"
"""What can be opened, in words."""

_IDX_IMAGES = (b"\x00\x00\x08\x03", b"\x1f\x8b")


def open_images(path: Path | None, options: OpenOptions = PLAIN_OPENING, looked_for: str = "images") -> ImageSet:
    """What lies at a path, as an image set.

    Args:
        path: a folder or a file; None where the user gave none, which is an error.
        options: how images are found and read.
        looked_for: what should be at the path, for the message if nothing is.

    Raises:
        DataError: nothing is there, or what is there is no data that is known, or broken.
    """
    color_of(options.background, "data.background")
    if options.rules == 1:
        return _by_first_rules(existing_folder(path, looked_for), options)
    if path is not None and "{" in path.name and not path.exists():
        shards = _shards(expanded(path))
        return file_set(tar_source(shards), path, labels=options.labels, reading=options.reading)
    found = existing(path, f"{looked_for}: {KINDS}")
    return _folder(found, options) if found.is_dir() else _file(found, options)


def check_first_rules(options: OpenOptions, known: Collection[str]) -> None:
    """Check that no setting is given but those that are known where images are found as earlier runs found them.

    Raises:
        DataError: one is given; the message names it.
    """
    default = type(options)()
    for name in options.__struct_fields__:
        if name not in (*known, "rules") and getattr(options, name) != getattr(default, name):
            raise DataError(f"data.{name} needs data.rules = 3")


def _by_first_rules(folder: Path, options: OpenOptions) -> ImageSet:
    """Class folders in the order of their names as text, eleven suffixes, no tables, no links to folders."""
    check_first_rules(options, ("pattern", "labels"))
    if options.labels not in ("auto", "subfolders", "none"):
        raise DataError(f"data.labels = {options.labels!r} needs data.rules = 3")
    return by_subfolder(folder, list_images(folder, options.pattern), cast(LabelSource, options.labels))


def _folder(folder: Path, options: OpenOptions) -> ImageSet:
    source = folder_source(folder, options.pattern, by_content=options.by_content)
    if not source.listing.images:
        for endings, make in _ONLY:
            only = sorted(file for file in folder.glob("*") if file.is_file() and file.name.lower().endswith(endings))
            if only:
                return make(only, options)
        idx = _idx_files(folder, options.split)
        if idx is not None:
            return idx_set(idx, options.transpose, options.reading)
    return file_set(
        source,
        folder,
        labels=options.labels,
        label_column=options.label_column,
        split=options.split,
        reading=options.reading,
    )


def _file(path: Path, options: OpenOptions) -> ImageSet:
    name = path.name.lower()
    for endings, make in _BY_NAME.items():
        if name.endswith(endings):
            return make(path, options)
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(_IDX_IMAGES):
        return idx_set(path, options.transpose, options.reading)
    raise DataError(f"{path}: no data that is known; {KINDS} are")


def _zip(path: Path, options: OpenOptions) -> ImageSet:
    return file_set(
        zip_source(path, by_content=options.by_content),
        path,
        labels=options.labels,
        label_column=options.label_column,
        split=options.split,
        reading=options.reading,
    )


def _tars(paths: list[Path], options: OpenOptions) -> ImageSet:
    return file_set(
        tar_source(paths, by_content=options.by_content),
        paths[0],
        labels=options.labels,
        label_column=options.label_column,
        split=options.split,
        reading=options.reading,
    )


_BY_NAME: Mapping[str | tuple[str, ...], Callable[[Path, OpenOptions], ImageSet]] = {
    ".zip": _zip,
    TAR_SUFFIXES: lambda path, options: _tars([path], options),
    ".npy": lambda path, options: npy_set(path, options.reading),
    ".npz": lambda path, options: npz_set(path, options.split, options.reading),
    ".parquet": lambda path, options: parquet_set([path], options.label_column, options.reading),
    ".csv": lambda path, options: csv_set(path, options.reading),
}

_ONLY: tuple[tuple[str | tuple[str, ...], Callable[[list[Path], OpenOptions], ImageSet]], ...] = (
    (TAR_SUFFIXES, _tars),
    ((".zip", ".npz", ".npy"), lambda paths, options: _file(_only(paths), options)),
    (".parquet", lambda paths, options: parquet_set(_of_split(paths, options), options.label_column, options.reading)),
)
"""What a folder without images may hold several of, that are one set."""


def _only(paths: list[Path]) -> Path:
    if len(paths) > 1:
        listed = ", ".join(path.name for path in paths[:5])
        raise DataError(f"{paths[0].parent}: holds no images, but {listed}; give one of them to --data")
    return paths[0]


def _of_split(paths: list[Path], options: OpenOptions) -> list[Path]:
    """Parquet files as the hub names them: train-00000-of-00002.parquet."""
    if options.split is None:
        return paths
    chosen = [path for path in paths if path.name.startswith(options.split)]
    if not chosen:
        raise DataError(
            f"{paths[0].parent}: no file begins with {options.split!r}: {', '.join(p.name for p in paths[:5])}"
        )
    return chosen


def _idx_files(folder: Path, split: str | None) -> Path | None:
    """The one IDX file of images in a folder, or that of a split."""
    found = sorted(file for file in folder.glob("*images*idx3*") if file.is_file())
    names = {"train": ("train",), "test": ("test", "t10k")}.get(split or "train", (split or "train",))
    chosen = [file for file in found if any(name in file.name for name in names)] or (found if split is None else [])
    if not found:
        return None
    if len(chosen) != 1:
        listed = ", ".join(file.name for file in chosen or found)
        raise DataError(f"{folder}: several IDX files of images; give one to --data, or data.split: {listed}")
    return chosen[0]


def _shards(path: Path) -> list[Path]:
    """Shards as WebDataset writes them: name-{000..012}.tar."""
    range_ = re.search(r"\{(\d+)\.\.(\d+)\}", path.name)
    if range_ is None:
        raise DataError(f"{path}: braces are for the numbers of shards, as in shard-{{000..012}}.tar")
    first, last = range_.groups()
    if int(last) - int(first) > 1_000_000:
        raise DataError(f"{path}: more than a million shards")
    names = [
        path.name[: range_.start()] + str(number).zfill(len(first)) + path.name[range_.end() :]
        for number in range(int(first), int(last) + 1)
    ]
    shards = [path.with_name(name) for name in names]
    absent = [shard.name for shard in shards if not shard.is_file()]
    if absent or not shards:
        raise DataError(f"{path}: shards that are not there: {', '.join(absent[:5]) or 'all'}")
    return shards
