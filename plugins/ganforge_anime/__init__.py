"""Drawn faces: a folder of images, one face each, as `ganforge data crop` cuts them out of illustrations."""

from collections.abc import Iterable
from pathlib import Path

from ganforge.data import DatasetEntry, ImageSet, NoOptions
from ganforge.plugins import hookimpl


def open_anime(path: Path | None, options: NoOptions) -> ImageSet:
    """The images below the folder `path`, without labels.

    Raises:
        DataError: there is no such folder, or no image in it.
    """
    from ganforge.data import ImageFolder, existing_folder, list_images

    root = existing_folder(path, "images of drawn faces; `ganforge data crop` cuts them out of illustrations")
    return ImageFolder(root=root, files=list_images(root))


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="anime",
        summary="drawn faces: a folder of images, one face each",
        license="of each drawing, by its artist",
        source="your own: faces cut out of illustrations, `ganforge data crop ILLUSTRATIONS FACES`",
        open=open_anime,
    )
