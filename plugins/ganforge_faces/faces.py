"""Which images are taken, and with which labels."""

from pathlib import Path, PurePosixPath

import msgspec

from ganforge.data import FileSet, ImageSet, open_images, printable_name
from ganforge.errors import DataError, near_names
from ganforge_faces import Options
from ganforge_faces.tables import (
    ATTRIBUTES,
    IMAGES,
    PARTITION,
    check_split,
    find_table,
    in_split,
    named,
    read_column,
    root_of,
)


def open_set(path: Path | None, options: Options) -> ImageSet:
    """The images that `options` leave, labelled by attribute, or as `folder` labels them."""
    split = None if options.split == "all" else options.split
    images = _opened(path, options, None) if options.part is None else _part(path, options, options.part)
    if not isinstance(images, FileSet) or path is None:  # arrays: no folders, no tables of CelebA's
        if options.attribute is not None:
            raise DataError(f"{path}: data.attribute is for the image files of CelebA; these are not files")
        return _opened(path, options, options.part or split)
    images = _celeba_alone(images, options.labels)
    if split is not None:
        images = _of_split(images, path, options, split)
    return images if options.attribute is None else _by_attribute(images, path, options.attribute, options.part)


def _opened(path: Path | None, options: Options, folder: str | None) -> ImageSet:
    return open_images(path, msgspec.structs.replace(options, split=folder), "images of faces")


def _part(path: Path | None, options: Options, part: str) -> ImageSet:
    """The images below one of the first folders, with the labels that they have without the others."""
    images = _opened(path, msgspec.structs.replace(options, labels="none"), None)
    if not isinstance(images, FileSet) or path is None:
        return images
    folders = [file.name.partition("/")[0] if "/" in file.name else None for file in images.files]
    if part not in folders:
        known = {printable_name(folder) for folder in folders if folder is not None}
        raise DataError(f"{path}: no images in a subfolder {part!r}; {near_names(part, known)}")
    images = images.only([folder == part for folder in folders], f"not in {printable_name(part)}")
    return images.with_labels(options.labels, options.label_column, path)


def _celeba_alone(images: FileSet, labels: str) -> FileSet:
    """CelebA's images without what lies beside their folder; other images as they are."""
    inside = [IMAGES in PurePosixPath(file.name).parts[:-1] for file in images.files]
    if all(inside) or not any(inside):
        return images
    images = images.only(inside, f"not in {IMAGES}")
    if labels != "auto":
        return images
    return images.labelled((), (), "no labels: CelebA's are its attributes, --set data.attribute=NAME")


def _of_split(images: FileSet, path: Path, options: Options, split: str) -> ImageSet:
    """The images of a split by CelebA's table, or where there is none those in the subfolder of that name."""
    table = find_table(root_of(path, options.part), PARTITION, images)
    if table is None:
        if options.part is None and any(split in PurePosixPath(file.name).parts[:2] for file in images.files):
            return _opened(path, options, split)
        raise DataError(f"{path}: no subfolder {split!r} is there, nor {PARTITION}.txt, which CelebA brings")
    check_split(split, table.where)
    partition = read_column(table, "partition")
    images = images.only([in_split(partition, file, split) for file in images.files], f"not of the split {split}")
    if not images.files:
        raise DataError(f"{path}: no image is of the split {split!r} by {table.where}")
    return images.reading_tables(named(images, PARTITION))


def _by_attribute(images: ImageSet, path: Path, attribute: str, part: str | None) -> FileSet:
    assert isinstance(images, FileSet), "files remain files"
    table = find_table(root_of(path, part), ATTRIBUTES, images)
    if table is None:
        raise DataError(
            f"{path}: {ATTRIBUTES}.txt, which CelebA brings, is not there: it has the {attribute!r} of each image"
        )
    column = read_column(table, attribute)
    labels = [int(column.of(file) > 0) for file in images.files]
    images = images.reading_tables(named(images, ATTRIBUTES))
    return images.labelled(labels, (f"not {attribute}", attribute), f"labels from {table.where}: {attribute}")
