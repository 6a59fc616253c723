"""Faces: any folder or archive of images, one of its subfolders, or CelebA with an attribute as labels."""

from collections.abc import Iterable
from pathlib import Path

from ganforge.data import DatasetEntry, ImageSet, OpenOptions
from ganforge.plugins import hookimpl


class Options(OpenOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those of `folder`, and CelebA's."""

    part: str | None = None
    """The one subfolder that is taken, as 'A'. Without it all are, and two or more of them become classes."""
    attribute: str | None = None
    """CelebA: the attribute that becomes the label, as 'Smiling': classes 'not Smiling' and 'Smiling'."""
    split: str | None = "all"
    """CelebA: 'train', 'valid' or 'test' of list_eval_partition.txt. Elsewhere the subfolder of this name."""


def open_faces(path: Path | None, options: Options) -> ImageSet:
    """The faces at `path`.

    Raises:
        DataError: a folder, an image or CelebA's table is missing, or the table is damaged or lacks the attribute.
    """
    from ganforge_faces import faces, first_rules

    return first_rules.open_set(path, options) if options.rules < 3 else faces.open_set(path, options)


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="faces",
        summary="faces: any folder or archive, one of its subfolders, or CelebA with an attribute as labels",
        license="your own; CelebA: non-commercial research only",
        source="your own; CelebA: https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (Liu, Luo, Wang and Tang)",
        open=open_faces,
        options=Options,
    )
