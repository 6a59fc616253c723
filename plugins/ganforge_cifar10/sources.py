"""Where the batches lie: in a folder, in an archive in it, in an archive or a file of its own."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ganforge.data import existing_folder
from ganforge.errors import DataError
from ganforge_cifar10 import Split
from ganforge_cifar10.archive import LIMIT_BYTES, is_archive, read_members

_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = ("test_batch",)
_BATCHES: Mapping[Split, tuple[str, ...]] = {"train": _TRAIN, "test": _TEST, "both": (*_TRAIN, *_TEST)}
_FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")
_ARCHIVES = ("cifar-10-binary.tar.gz", "cifar-10-python.tar.gz")
_LOOKED_FOR = f"{' or '.join(_ARCHIVES)} or its batches; `ganforge data fetch cifar10` gets it"


def find_source(path: Path | None) -> Path:
    """A folder that holds batches, or a file: an archive of batches or one batch.

    Raises:
        DataError: nothing of the kind is there.
    """
    if path is not None and path.is_file():
        return path
    root = existing_folder(path, _LOOKED_FOR)
    for folder in (root / inside for inside in _FOLDERS):
        if any(_file(folder, batch) for batch in _BATCHES["both"]):
            return folder
    for archive in (root / name for name in _ARCHIVES):
        if archive.is_file():
            return archive
    others = ", ".join(sorted(file.name for file in root.glob("*.tar*"))[:3])
    hint = f". Another archive is named itself: --data {root}/... ({others})" if others else ""
    if any((root / name).exists() for name in _OF_CIFAR100):
        hint += ". That is CIFAR-100, which is not read: save it as an .npz of images and labels, for --dataset folder"
    raise DataError(f"{root}: nothing of CIFAR-10 is there (looked for {_LOOKED_FOR}){hint}")


_OF_CIFAR100 = ("train.bin", "fine_label_names.txt", "cifar-100-binary", "cifar-100-python")


def read_batches(source: Path, split: Split) -> Iterator[tuple[str, bytes]]:
    """Name and content of each batch of `split`, one after the other, in the order in which they lie there.

    A file whose name tells of no split is taken for every one.

    Raises:
        DataError: there is none, one is there twice, or one is too large, damaged or cannot be read.
    """
    wanted = _BATCHES[split]
    seen = set()
    for name, content in _read(source, wanted):
        if _stem(name) in seen:
            raise DataError(f"{source}: the batch {_stem(name)} is there twice")
        seen.add(_stem(name))
        yield name, content
    if not seen:
        raise DataError(
            f"{source}: no batch of the split {split!r} is there (looked for {', '.join(wanted)}, with .bin or without)"
        )


def _read(source: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        files = [file for batch in wanted if (file := _file(source, batch))]
        yield from ((file.name, _content(file)) for file in files)
    elif is_archive(source):
        yield from read_members(source, lambda name: _stem(name) in wanted)
    elif _stem(source.name) in wanted or _stem(source.name) not in _BATCHES["both"]:
        yield source.name, _content(source)


def _stem(name: str) -> str:
    return name.removesuffix(".bin")


def _file(folder: Path, batch: str) -> Path | None:
    return next((file for file in (folder / f"{batch}.bin", folder / batch) if file.is_file()), None)


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > LIMIT_BYTES:
            raise DataError(f"{file}: {file.stat().st_size:,} bytes; more than {LIMIT_BYTES:,} are not read")
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror or error}") from error
