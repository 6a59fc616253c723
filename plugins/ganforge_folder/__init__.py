"""Any folder of pictures, with or without a subfolder for each class."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from ganforge.data import DatasetEntry, ImageSet
from ganforge.plugins import hookimpl


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the data set folder."""

    pattern: str = "**/*"
    """Which files are taken, as a glob pattern below the folder, `**` at most once; those with a picture's suffix."""
    labels: Literal["auto", "subfolders", "none"] = "auto"
    """Whether the subfolders are classes.

    'subfolders': the first folder on the way to a picture is its class. 'none': no labels. 'auto': classes if every
    picture lies directly in a subfolder and there are at least two of them, otherwise no labels.
    """


def open_folder(path: Path | None, options: Options) -> ImageSet:
    """The pictures in the folder `path`.

    Raises:
        DataError: there is no such folder, no picture in it, or no class for a picture where classes are asked for.
    """
    from ganforge.data import by_subfolder, existing_folder, list_images

    root = existing_folder(path, "pictures")
    return by_subfolder(root, list_images(root, options.pattern), options.labels)


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="folder",
        summary="any folder of pictures, of any size, with or without class subfolders",
        license="your own",
        source="your own",
        open=open_folder,
        options=Options,
    )
