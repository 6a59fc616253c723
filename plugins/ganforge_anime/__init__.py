"""Drawn faces: a folder of pictures, one face each, as `ganforge data crop` cuts them out of illustrations."""

from collections.abc import Iterable
from pathlib import Path

from ganforge.dataset import DatasetEntry, ImageSet, NoOptions
from ganforge.hookspecs import hookimpl


def open_anime(path: Path | None, options: NoOptions) -> ImageSet:
    """The pictures below the folder `path`, without labels.

    Raises:
        DataError: there is no such folder, or no picture in it.
    """
    from ganforge.folders import PictureFolder, list_pictures
    from ganforge.locate import existing_folder

    root = existing_folder(path, "pictures of drawn faces; `ganforge data crop` cuts them out of illustrations")
    return PictureFolder(root=root, files=list_pictures(root))


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="anime",
        summary="drawn faces: a folder of pictures, one face each",
        license="of each drawing, by its artist",
        source="your own: faces cut out of illustrations, `ganforge data crop ILLUSTRATIONS FACES`",
        open=open_anime,
    )
