"""A folder of pictures as an image set."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from ganforge.dataset import Pixels
from ganforge.errors import DataError
from ganforge.locate import existing_folder
from ganforge.pictures import SUFFIXES, read_picture
from ganforge_folder import Labels, Options


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The pictures below a folder, ordered by their path relative to it."""

    root: Path
    files: tuple[str, ...]
    """Paths relative to `root`."""
    class_names: tuple[str, ...]
    """Names of the class subfolders, sorted; empty for a set without labels."""
    fingerprint: str
    """Hash of every file's path, size and time of change, and of the classes."""

    @staticmethod
    def scan(path: Path | None, options: Options) -> "Folder":
        """List the pictures below `path`; none is opened yet."""
        root = existing_folder(path, "pictures")
        if not options.pattern or PurePath(options.pattern).is_absolute() or ".." in PurePath(options.pattern).parts:
            raise DataError(f"pattern {options.pattern!r}: must be a path below the folder, as '**/*' or 'train/*.png'")
        found = sorted(_pictures(root, options.pattern))
        if not found:
            raise DataError(
                f"{root}: no pictures: no file matches {options.pattern!r} and ends in {', '.join(SUFFIXES)}"
            )
        files = tuple(file for file, _, _ in found)
        class_names = _classes(root, files, options.labels)
        digest = hashlib.sha256(repr(class_names).encode("utf-8", "surrogateescape"))
        for file, size, changed in found:
            digest.update(os.fsencode(file) + f"\0{size} {changed}\0".encode())
        return Folder(root=root, files=files, class_names=class_names, fingerprint=f"folder {digest.hexdigest()}")

    def __len__(self) -> int:
        return len(self.files)

    def label(self, index: int) -> int:
        """Position of the picture's class subfolder among `class_names`."""
        return self.class_names.index(PurePath(self.files[index]).parts[0])

    def where(self, index: int) -> str:
        """The path relative to the folder; bytes that are no UTF-8 are replaced, so that it can always be printed."""
        return os.fsencode(self.files[index]).decode("utf-8", "replace")

    def read(self, index: int) -> Pixels:
        """Picture `index`, upright: uint8 (height, width, 1 or 3)."""
        return read_picture(self.root / self.files[index], self.where(index))


def _pictures(root: Path, pattern: str) -> Iterator[tuple[str, int, int]]:
    """Relative path, size and time of change (ns) of each picture; `**` follows no links to folders, so no loops."""
    for file in root.glob(pattern):
        relative = file.relative_to(root)
        if file.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in relative.parts):
            continue
        try:
            status = file.stat()
        except OSError:
            continue  # a link that leads nowhere
        if stat.S_ISREG(status.st_mode):
            yield relative.as_posix(), status.st_size, status.st_mtime_ns


def _classes(root: Path, files: Sequence[str], labels: Labels) -> tuple[str, ...]:
    paths = [PurePath(file).parts for file in files]
    names = tuple(sorted({parts[0] for parts in paths if len(parts) > 1}))
    if labels == "subfolders":
        outside = next((file for file, parts in zip(files, paths, strict=True) if len(parts) == 1), None)
        if outside is not None:
            raise DataError(
                f"{root}: {outside} lies in no subfolder, so it has no class. Move it, or set labels = 'none'"
            )
        return names
    if labels == "auto" and len(names) > 1 and all(len(parts) == 2 for parts in paths):
        return names
    return ()
