"""Images of your own: a folder, an archive, arrays in a file, parquet."""

from collections.abc import Iterable
from pathlib import Path

from ganforge.data import DatasetEntry, ImageSet, OpenOptions
from ganforge.plugins import hookimpl


def open_folder(path: Path | None, options: OpenOptions) -> ImageSet:
    """What lies at `path`.

    Raises:
        DataError: nothing is there, no image in it, or no class for an image where classes are asked for.
    """
    from ganforge.data import open_images

    return open_images(path, options)


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="folder",
        summary="your own images: a folder, a zip or tar, .npy, .npz, IDX, parquet, WebDataset shards",
        license="your own",
        source="your own",
        open=open_folder,
        options=OpenOptions,
    )
