"""CIFAR-10 as an image set: the asked-for classes of the asked-for batches, held in memory."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganforge.data import Pixels
from ganforge.errors import DataError, near_names
from ganforge_cifar10 import Options
from ganforge_cifar10.batches import CLASSES, Batch, parse_batch
from ganforge_cifar10.sources import find_source, read_batches


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is taken of one batch."""

    file: str
    records: npt.NDArray[np.int64]
    """Where each image stands in the batch."""
    images: npt.NDArray[np.uint8]
    """(N, 3, 32, 32)."""
    labels: npt.NDArray[np.int64]
    """Positions in the set's `class_names`."""


@dataclass(frozen=True, kw_only=True)
class Cifar10:
    """Some classes of CIFAR-10, in the order of the batches and their records: 184 MB where it is all of them."""

    class_names: tuple[str, ...]
    parts: tuple[Part, ...]
    fingerprint: str
    """Hash of all pixels and labels and of the classes: the same set in any of its forms is one set."""

    @staticmethod
    def load(path: Path | None, options: Options) -> "Cifar10":
        """Read what `options` ask for from `path`."""
        names = class_names(options.classes)
        source = find_source(path)
        taken = [
            _of_classes(parse_batch(content, file, _where(source, file)), names, file)
            for file, content in read_batches(source, options.split)
        ]
        parts = tuple(sorted(taken, key=lambda part: part.file))  # an archive has them in any order
        if not any(len(part.labels) for part in parts):
            raise DataError(f"{source}: no image of {', '.join(names)} in {', '.join(part.file for part in parts)}")
        digest = hashlib.sha256(repr(names).encode())
        for part in parts:
            digest.update(part.images.data)
            digest.update(part.labels.data)
        return Cifar10(class_names=names, parts=parts, fingerprint=f"cifar10 {digest.hexdigest()}")

    def __len__(self) -> int:
        return sum(len(part.labels) for part in self.parts)

    def label(self, index: int) -> int:
        """Position of the image's class among `class_names`."""
        part, at = self._at(index)
        return int(part.labels[at])

    def where(self, index: int) -> str:
        """File and record, counted from 0."""
        part, at = self._at(index)
        return f"{part.file} record {part.records[at]}"

    def read(self, index: int) -> Pixels:
        """Image `index`: uint8 (32, 32, 3)."""
        part, at = self._at(index)
        return np.ascontiguousarray(part.images[at].transpose(1, 2, 0))

    def _at(self, index: int) -> tuple[Part, int]:
        for part in self.parts:
            if index < len(part.labels):
                return part, index
            index -= len(part.labels)
        raise IndexError(index)


def class_names(asked: str | tuple[str, ...]) -> tuple[str, ...]:
    """The asked-for classes, or all.

    Raises:
        DataError: one that there is not, or twice the same.
    """
    names = tuple(name.strip() for name in asked.split(",")) if isinstance(asked, str) else asked
    for name in names:
        if name not in CLASSES:
            raise DataError(f"cifar10 has no class {name!r}; {near_names(name, CLASSES)}")
    if len(set(names)) < len(names):
        raise DataError(f"cifar10: a class is asked for twice: {', '.join(names)}")
    return names or CLASSES


def _where(source: Path, file: str) -> str:
    return str(source) if source.name == file else f"{source}: {file}"


def _of_classes(batch: Batch, names: tuple[str, ...], file: str) -> Part:
    position = np.full(len(CLASSES), -1)
    position[[CLASSES.index(name) for name in names]] = range(len(names))
    labels = position[batch.labels]
    (records,) = np.nonzero(labels >= 0)
    images = batch.pixels[records].reshape(-1, 3, 32, 32)
    return Part(file=file, records=records, images=images, labels=labels[records])
