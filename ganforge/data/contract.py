"""The contract with a data set: what a plugin hands over so that any recipe can train on its images.

A plugin yields one frozen `DatasetEntry` from the hook `ganforge_datasets()`. Opening it gives an `ImageSet`: images
of any size, decoded one at a time, with integer labels where there are any. Cropping, resizing, grey or colour, the
cache and the batches are the core's (`ganforge.data.preparing`), done once and alike for every data set and backend.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

from ganforge.errors import PluginError

Pixels = npt.NDArray[np.uint8]
"""One image: uint8, (height, width, 1 or 3)."""
ImageShape = tuple[int, int, int]
"""Height, width, channels (1 or 3)."""


class NoOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a data set that has none."""


@runtime_checkable
class ImageSet(Protocol):
    """An opened data set: random access to its images. Must be cheap to open; images are read when asked for."""

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever an image, a label or their order would: the key of the cache."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each label, in label order; empty for a set without labels."""
        ...

    def __len__(self) -> int:
        """Number of images, readable or not."""
        ...

    def label(self, index: int) -> int:
        """Label of image `index`, in 0 .. len(class_names) - 1. Never called for a set without labels.

        This and `read` may be called from several threads at once.
        """
        ...

    def where(self, index: int) -> str:
        """Where image `index` comes from, as printable text: a path, or an archive's member and record number."""
        ...

    def read(self, index: int) -> Pixels:
        """Image `index`, upright: uint8 (height, width, 1 or 3), of any size.

        Raises:
            DataError: the image cannot be decoded; it is then skipped and listed. The message may begin with
                `where(index)` and a colon.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Files that an opened data set leaves out, for one reason."""

    reason: str
    count: int
    example: str
    """One of them."""


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What an image is at its source, before it becomes 8 bits a channel."""

    color: bool
    transparent: bool
    """Whether it has an alpha channel or a transparent color."""
    deep: bool
    """Whether it has more than 8 bits a channel."""
    highest: int
    """Largest value of a deep one; 0 for others."""


@runtime_checkable
class Describes(Protocol):
    """What an image set may have besides, so that people are told what is taken, left out and changed."""

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What lies beside the images and is not taken."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was found: where labels come from or why there are none, links that were followed."""
        ...

    def facts(self, index: int) -> ImageFacts:
        """What image `index` is, at the cost of its header where that is enough. Raises as `read`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Download:
    """One file of a data set's official source."""

    url: str
    file: str
    """Name under which it is kept: what `open` looks for in the folder."""
    size: int
    """In bytes."""
    checksum: str
    """As the source publishes it: 'sha256:' or 'md5:', then hexadecimal digits in lower case."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-][\w.-]*", self.file):
            raise PluginError(f"download {self.url}: {self.file!r} is not the plain name of a file")
        if not re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", self.checksum):
            raise PluginError(f"download {self.url}: checksum {self.checksum!r} is neither 'md5:...' nor 'sha256:...'")


@dataclass(frozen=True, kw_only=True)
class DatasetEntry:
    """A data set that can be asked for by name."""

    name: str
    """Name in recipes and on the command line: lower case, digits and hyphens."""
    summary: str
    """One line: what the images show, how many, how large."""
    license: str
    """Terms of the images, or 'your own'."""
    source: str
    """Where the official set comes from: an address or a citation."""
    open: Callable[[Path | None, Any], ImageSet]
    """`open(path, options)`: path given by the user (None: none given), options an instance of `options`.

    Raises `DataError` when the set is not there, naming the path and what was looked for, or when it has no use for a
    path and is given one.
    """
    options: type[msgspec.Struct] = field(default=NoOptions)
    """Settings of its own, read from the recipe's [data] table; unknown keys are refused.

    A field `rules` is given the recipe's `data.rules`. A number below the newest belongs to an earlier run, which must
    find what it found then.
    """
    needs_path: bool = True
    """Whether the user must say where the images lie (`--data`)."""
    downloads: tuple[Download, ...] = ()
    """Files that `ganforge data fetch` puts into one folder, which `open` then takes as its path."""
