"""Which images are taken, and with which labels."""

from pathlib import Path

from ganforge.data import ImageFolder, ImageSet, by_subfolder, existing_folder, list_images
from ganforge.errors import DataError
from ganforge_faces import Options, Split
from ganforge_faces.tables import read_column

_IMAGES = "img_align_celeba"
_PARTITION: dict[Split, int] = {"train": 0, "valid": 1, "test": 2}


def open_set(path: Path | None, options: Options) -> ImageSet:
    """The images that `options` leave, labelled by attribute or subfolder where there is one."""
    root = existing_folder(path, "images of faces")
    if options.part is not None:
        root = _part(root, options.part)
    inside = (root / _IMAGES, root / "Img" / _IMAGES)
    images = next((folder for folder in inside if folder.is_dir()), root)
    files = list_images(images)
    if options.split != "all":
        partition = read_column(root, "list_eval_partition", "partition")
        files = tuple(file for file in files if partition.of(file) == _PARTITION[options.split])
        if not files:
            raise DataError(f"{images}: no image is of the split {options.split!r} by {partition.table}")
    if options.attribute is None:
        return by_subfolder(images, files, "auto")
    attribute = read_column(root, "list_attr_celeba", options.attribute)
    return ImageFolder(
        root=images,
        files=files,
        labels=tuple(int(attribute.of(file) > 0) for file in files),
        class_names=(f"not {options.attribute}", options.attribute),
    )


def _part(root: Path, part: str) -> Path:
    if part in ("", ".", "..") or Path(part).name != part:
        raise DataError(f"part {part!r}: must be the name of a subfolder of {root}")
    return existing_folder(root / part, "images of faces")
