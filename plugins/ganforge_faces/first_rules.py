"""Which images are taken as runs from before `data.rules = 3` took them, which they keep."""

from pathlib import Path

from ganforge.data import ImageFolder, ImageSet, by_subfolder, check_first_rules, existing_folder, list_images
from ganforge.errors import DataError
from ganforge_faces import Options
from ganforge_faces.tables import ATTRIBUTES, IMAGES, PARTITION, Column, check_split, find_table, in_split, read_column


def open_set(path: Path | None, options: Options) -> ImageSet:
    """The images that `options` leave, labelled by attribute or subfolder where there is one. See `faces.open_set`."""
    check_first_rules(options, ("part", "attribute", "split"))
    root = existing_folder(path, "images of faces")
    if options.part is not None:
        root = _part(root, options.part)
    inside = (root / IMAGES, root / "Img" / IMAGES)
    images = next((folder for folder in inside if folder.is_dir()), root)
    files = list_images(images)
    if options.split is not None and options.split != "all":
        partition = _column(root, PARTITION, "partition")
        check_split(options.split, partition.table)
        files = tuple(file for file in files if in_split(partition, file, options.split))
        if not files:
            raise DataError(f"{images}: no image is of the split {options.split!r} by {partition.table}")
    if options.attribute is None:
        return by_subfolder(images, files, "auto")
    attribute = _column(root, ATTRIBUTES, options.attribute)
    return ImageFolder(
        root=images,
        files=files,
        labels=tuple(int(attribute.of(file) > 0) for file in files),
        class_names=(f"not {options.attribute}", options.attribute),
    )


def _column(root: Path, name: str, column: str) -> Column:
    table = find_table(root, name)
    if table is None:
        raise DataError(f"{root}: {name}.txt, which CelebA brings, is not there: it has the {column!r} of each image")
    return read_column(table, column)


def _part(root: Path, part: str) -> Path:
    if part in ("", ".", "..") or Path(part).name != part:
        raise DataError(f"part {part!r}: must be the name of a subfolder of {root}")
    return existing_folder(root / part, "images of faces")
