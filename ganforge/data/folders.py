"""Image files, and a folder of them by the first rules (`data.rules = 1`), which earlier runs keep.

`ganforge.data.readers` has the rules of new runs.
"""

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Literal

from ganforge import errors
from ganforge.data.contract import Pixels
from ganforge.data.image_files import read_image
from ganforge.errors import DataError

SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""How the names of the files end that `list_images` takes, in lower case."""

LabelSource = Literal["auto", "subfolders", "none"]
"""Whether subfolders are classes, see `by_subfolder`."""


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A file with an image's suffix, not opened yet."""

    name: str
    """Path relative to the folder, with slashes."""
    size: int
    changed: int
    """Time of change, in ns."""


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """An image set of files below one folder."""

    root: Path
    files: tuple[ImageFile, ...]
    labels: tuple[int, ...] = ()
    """Label of each file; empty for a set without labels."""
    class_names: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of every file's name, size and time of change, of its label, and of the classes."""
        return f"folder {digest_of(self.files, self.labels, self.class_names).hexdigest()}"

    def __len__(self) -> int:
        return len(self.files)

    def label(self, index: int) -> int:
        """Position of the image's class among `class_names`."""
        return self.labels[index]

    def where(self, index: int) -> str:
        """The path relative to the folder; bytes that are no UTF-8 are replaced, so that it can always be printed."""
        return printable_name(self.files[index].name)

    def read(self, index: int) -> Pixels:
        """Image `index`, upright: uint8 (height, width, 1 or 3)."""
        return read_image(self.root / self.files[index].name, self.where(index))


def digest_of(files: tuple[ImageFile, ...], labels: tuple[int, ...], class_names: tuple[str, ...]) -> "hashlib._Hash":
    """SHA-256 of every file's name, size and time of change, of its label, and of the classes."""
    digest = hashlib.sha256(repr((class_names, labels)).encode("utf-8", "surrogateescape"))
    for file in files:
        digest.update(os.fsencode(file.name) + f"\0{file.size} {file.changed}\0".encode())
    return digest


def printable_name(name: str) -> str:
    """A file's name as text that any terminal takes."""
    return errors.printable(os.fsencode(name).decode("utf-8", "replace"))


def list_images(root: Path, pattern: str = "**/*") -> tuple[ImageFile, ...]:
    """The files below `root` that match a glob pattern and have an image's suffix, ordered by their names.

    Hidden files and folders are left out, and so is what is no file; `**` follows no link to a folder. A link that
    leads nowhere is listed, so that it is told of as an image that cannot be read.

    Raises:
        DataError: the pattern leaves the folder or holds `**` twice, or there is no such file.
    """
    parts = PurePath(pattern).parts
    if not parts or PurePath(pattern).is_absolute() or ".." in parts:
        raise DataError(f"pattern {pattern!r}: must be a path below the folder, as '**/*' or 'train/*.png'")
    if parts.count("**") > 1:  # each looks through all folders once more
        raise DataError(f"pattern {pattern!r}: '**' may stand in it once")
    try:
        found = tuple(sorted(_matching(root, pattern), key=lambda file: file.name))
    except (ValueError, NotImplementedError) as error:
        raise DataError(f"pattern {pattern!r}: {error}; one such as '**/*' or 'train/*.png' is needed") from error
    except OSError as error:
        raise DataError(f"{root}: cannot be looked through for {pattern!r}: {error.strerror or error}") from error
    except RecursionError as error:
        raise DataError(f"{root}: folders in folders, hundreds deep, are not looked through for {pattern!r}") from error
    if not found:
        raise DataError(f"{root}: no images: no file matches {pattern!r} and ends in {', '.join(SUFFIXES)}")
    return found


def by_subfolder(root: Path, files: tuple[ImageFile, ...], labels: LabelSource) -> ImageFolder:
    """The files as an image set whose classes are the subfolders of `root`, by their sorted names.

    Args:
        root: the folder.
        files: from `list_images`.
        labels: 'subfolders': the first folder on the way to an image is its class. 'none': no labels. 'auto': classes
            if every image lies directly in a subfolder and there are at least two of them, otherwise no labels.

    Raises:
        DataError: 'subfolders' is asked for and an image lies in none, or two classes would print as one name.
    """
    paths = [PurePath(file.name).parts for file in files]
    names = tuple(sorted({parts[0] for parts in paths if len(parts) > 1}))
    if labels == "subfolders":
        _refuse_classless(root, files, paths)
    elif labels == "none" or len(names) < 2 or any(len(parts) != 2 for parts in paths):
        return ImageFolder(root=root, files=files)
    position = {name: label for label, name in enumerate(names)}
    return ImageFolder(
        root=root,
        files=files,
        labels=tuple(position[parts[0]] for parts in paths),
        class_names=_class_names(root, names),
    )


def _class_names(root: Path, folders: tuple[str, ...]) -> tuple[str, ...]:
    """The folders' names as they can be stored and printed; they must still tell the classes apart."""
    names = tuple(printable_name(folder) for folder in folders)
    times = Counter(names)
    alike = sorted(os.fsencode(folder) for folder, name in zip(folders, names, strict=True) if times[name] > 1)
    if alike:
        raise DataError(
            f"{root}: the subfolders {', '.join(map(repr, alike))} would be classes of one name, because bytes "
            "that are no UTF-8 are replaced. Rename them"
        )
    return names


def _matching(root: Path, pattern: str) -> Iterator[ImageFile]:
    for file in root.glob(pattern):
        relative = file.relative_to(root)
        if file.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in relative.parts):
            continue
        status = file.stat() if file.exists() else file.lstat()
        if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            yield ImageFile(name=relative.as_posix(), size=status.st_size, changed=status.st_mtime_ns)


def _refuse_classless(root: Path, files: Sequence[ImageFile], paths: Sequence[tuple[str, ...]]) -> None:
    for file, parts in zip(files, paths, strict=True):
        if len(parts) == 1:
            raise DataError(
                f"{root}: {printable_name(file.name)} lies in no subfolder, so it has no class. "
                "Move it, or set labels = 'none'"
            )
