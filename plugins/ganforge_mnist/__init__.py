"""MNIST: 70,000 handwritten digits of 28x28 from the four official IDX files, gzipped or not.

Sets in the same four files (Fashion-MNIST, KMNIST) are read as well; their classes are then called '0' to '9'.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from ganforge.data import DatasetEntry, Download, ImageSet
from ganforge.plugins import hookimpl

Split = Literal["train", "test", "both"]

_FILES = (
    ("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    ("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
    ("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
    ("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
)
_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # the original address refuses most downloads


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the data set mnist."""

    split: Split = "train"
    """'train' (60,000 images), 'test' (10,000), or 'both': train, then test."""


def open_mnist(path: Path | None, options: Options) -> ImageSet:
    """MNIST from the folder `path`.

    Raises:
        DataError: a file is missing, is no IDX file, is damaged, or does not go with the other.
    """
    from ganforge_mnist.mnist import Mnist

    return Mnist.load(path, options.split)


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="mnist",
        summary="70,000 handwritten digits, 28x28, grey, ten classes; from the four IDX files",
        license="CC BY-SA 3.0",
        source="http://yann.lecun.com/exdb/mnist/ (LeCun, Cortes and Burges)",
        open=open_mnist,
        options=Options,
        downloads=tuple(
            Download(url=f"{_MIRROR}{file}", file=file, size=size, checksum=f"md5:{md5}") for file, size, md5 in _FILES
        ),
    )
