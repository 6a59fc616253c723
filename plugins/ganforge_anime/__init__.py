"""Drawn faces: images of one face each, as `ganforge data crop` cuts them out of illustrations."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from ganforge.data import DatasetEntry, ImageSet, OpenOptions
from ganforge.plugins import hookimpl


class Options(OpenOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those of `folder`, but without labels unless they are asked for."""

    labels: str = "none"


def open_anime(path: Path | None, options: Options) -> ImageSet:
    """What lies at `path`, as the data set `folder` reads it.

    Raises:
        DataError: nothing is there, or no image in it.
    """
    from ganforge.data import open_images

    if options.rules < 3:  # runs from before `folder` and this set were read alike
        options = msgspec.structs.replace(options, rules=1)
    return open_images(path, options, "images of drawn faces, which `ganforge data crop` cuts out of illustrations")


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="anime",
        summary="drawn faces: a folder or an archive of images, one face each",
        license="of each drawing, by its artist",
        source="your own: faces cut out of illustrations, `ganforge data crop ILLUSTRATIONS FACES`",
        open=open_anime,
        options=Options,
    )
