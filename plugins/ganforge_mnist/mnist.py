"""MNIST as an image set."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganforge.data import Pixels, existing_folder, read_idx
from ganforge.errors import DataError
from ganforge_mnist import Split

_PARTS: Mapping[Split, Sequence[str]] = {"train": ("train",), "test": ("t10k",), "both": ("train", "t10k")}
_CLASSES = 10
_SOURCES = "get them by `ganforge data fetch mnist` or from https://storage.googleapis.com/cvdf-datasets/mnist/"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the two parts: images (N, height, width) and labels (N,)."""

    file: Path
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Mnist:
    """One part of MNIST or both, one after the other, in the order of the files. Held in memory: 55 MB at most."""

    parts: tuple[Part, ...]

    @staticmethod
    def load(path: Path | None, split: Split) -> "Mnist":
        """Read the files of `split` from the folder `path`."""
        names = [f"{part}-{content}-ubyte" for part in _PARTS[split] for content in ("images-idx3", "labels-idx1")]
        folder = existing_folder(path, f"{', '.join(names)} (each with .gz or without; {_SOURCES})")
        files = _find(folder, names)
        return Mnist(parts=tuple(_read_part(*files[at : at + 2]) for at in range(0, len(files), 2)))

    @property
    def fingerprint(self) -> str:
        """Hash of all pixels and labels: the same set, gzipped or not, wherever it lies, is one set."""
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(str(part.images.shape).encode())
            digest.update(part.images.data)
            digest.update(part.labels.data)
        return "mnist " + digest.hexdigest()

    @property
    def class_names(self) -> tuple[str, ...]:
        """'0' to '9'."""
        return tuple(str(digit) for digit in range(_CLASSES))

    def __len__(self) -> int:
        return sum(len(part.labels) for part in self.parts)

    def label(self, index: int) -> int:
        """The digit that was written."""
        part, record = self._at(index)
        return int(part.labels[record])

    def where(self, index: int) -> str:
        """File and record, counted from 0."""
        part, record = self._at(index)
        return f"{part.file.name} record {record}"

    def read(self, index: int) -> Pixels:
        """Image `index`: uint8 (28, 28, 1), white on black."""
        part, record = self._at(index)
        return part.images[record, :, :, np.newaxis]

    def _at(self, index: int) -> tuple[Part, int]:
        for part in self.parts:
            if index < len(part.labels):
                return part, index
            index -= len(part.labels)
        raise IndexError(index)


def _find(folder: Path, names: Sequence[str]) -> list[Path]:
    """The file of each name, plain or gzipped."""
    choices = [[folder / name, folder / f"{name}.gz"] for name in names]
    found = [next((file for file in choice if file.is_file()), None) for choice in choices]
    missing = [name for name, file in zip(names, found, strict=True) if file is None]
    if missing:
        others = sorted(file.name for file in folder.glob("*images*idx3*") if file.is_file())
        hint = f"; {others[0]} is of another set, as EMNIST: --dataset folder reads it" if others else ""
        raise DataError(f"{folder}: not found, with .gz or without: {', '.join(missing)}; {_SOURCES}{hint}")
    return [file for file in found if file is not None]


def _read_part(images_file: Path, labels_file: Path) -> Part:
    images, labels = read_idx(images_file, axes=3), read_idx(labels_file, axes=1)
    if len(images) != len(labels):
        raise DataError(f"{images_file} holds {len(images):,} images, but {labels_file} holds {len(labels):,} labels")
    if labels.max() >= _CLASSES:
        record = int(np.argmax(labels >= _CLASSES))
        raise DataError(f"{labels_file}: record {record} has the label {labels[record]}, which is no digit")
    return Part(file=images_file, images=images, labels=labels)
