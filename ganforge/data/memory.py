"""Images that a Python program hands over: the data set `memory` of a recipe, which no recipe can open by itself."""

import os
from pathlib import Path
from typing import Any

import msgspec

from ganforge.data.contract import DatasetEntry, ImageSet
from ganforge.errors import DataError

NAME = "memory"


def handed_over(data: Any) -> ImageSet | None:
    """The image set of what a caller gives as `data`; None for a path, or for nothing.

    Raises:
        DataError: it is no kind of data that is known, or something in it is wrong.
    """
    if data is None or isinstance(data, str | os.PathLike):
        return None
    from ganforge.data.python_data import as_image_set

    return as_image_set(data)


def _open(path: Path | None, options: msgspec.Struct) -> ImageSet:
    raise DataError(
        "the run was trained on images from memory, which are not saved with it; pass the same images again: "
        "data=images, as for ganforge.train"
    )


MEMORY = DatasetEntry(
    name=NAME,
    summary="images that a Python program hands over: ganforge.train(data=...)",
    license="that of the images",
    source="the program",
    needs_path=False,
    open=_open,
)
