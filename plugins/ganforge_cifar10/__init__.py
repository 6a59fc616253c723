"""CIFAR-10: 60,000 images of 32x32 in ten classes, from the binary or the Python version, packed or not."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from ganforge.data import DatasetEntry, Download, ImageSet
from ganforge.plugins import hookimpl

Split = Literal["train", "test", "both"]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the data set cifar10."""

    classes: str | tuple[str, ...] = ()
    """The classes that are taken, as 'frog', 'frog,cat' or ["frog", "cat"]; the first is label 0. Empty: all ten."""
    split: Split = "train"
    """'train' (50,000 images in the official set), 'test' (10,000), or 'both': train, then test."""


def open_cifar10(path: Path | None, options: Options) -> ImageSet:
    """CIFAR-10 from `path`: a folder with the batches or the archive, the archive itself, or one batch.

    Raises:
        DataError: a class that there is not, nothing at the path, no batch of the split, or a file that is damaged, too
            large or not what it says it is.
    """
    from ganforge_cifar10.cifar10 import Cifar10

    return Cifar10.load(path, options)


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="cifar10",
        summary="60,000 images of ten kinds of animals and vehicles, 32x32, colour; any of the classes",
        license="none stated; published for research, to be cited",
        source="https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky, Nair and Hinton)",
        open=open_cifar10,
        options=Options,
        downloads=(
            Download(
                url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                file="cifar-10-binary.tar.gz",
                size=170_052_171,
                checksum="sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
    )
