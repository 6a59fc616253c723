"""Faces: any folder of images, one of its subfolders, or CelebA with an attribute as labels."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from ganforge.data import DatasetEntry, ImageSet
from ganforge.plugins import hookimpl

Split = Literal["all", "train", "valid", "test"]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the data set faces."""

    part: str | None = None
    """The one subfolder that is taken, as 'A'. Without it all are, and two or more of them become classes."""
    attribute: str | None = None
    """CelebA: the attribute that becomes the label, as 'Smiling': classes 'not Smiling' and 'Smiling'."""
    split: Split = "all"
    """CelebA: 'train', 'valid' or 'test' of list_eval_partition.txt."""


def open_faces(path: Path | None, options: Options) -> ImageSet:
    """The faces in the folder `path`.

    Raises:
        DataError: a folder, an image or CelebA's table is missing, or the table is damaged or lacks the attribute.
    """
    from ganforge_faces.faces import open_set

    return open_set(path, options)


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="faces",
        summary="faces: any folder of images, one of its subfolders, or CelebA with an attribute as labels",
        license="your own; CelebA: non-commercial research only",
        source="your own; CelebA: https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (Liu, Luo, Wang and Tang)",
        open=open_faces,
        options=Options,
    )
