"""The files below a folder: links followed once, hidden files and ganforge's own output left out."""

import fnmatch
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import IO

from ganforge.data.folders import ImageFile, printable_name
from ganforge.data.readers.listing import Listing, Sorter, hidden
from ganforge.errors import DataError

_DEEPEST = 60  # folders in folders; below that a path is longer than systems take
_OWN_MARKED = 1000  # PNG files beside class folders that are looked into, for the mark of ganforge's grids

OWN_MARK = b"Software\0ganforge"
"""In the head of every PNG file that ganforge writes for people."""


@dataclass(frozen=True, kw_only=True)
class FolderSource:
    """A folder's files."""

    root: Path
    listing: Listing

    def content(self, file: ImageFile) -> Path | IO[bytes]:
        """The file's path."""
        return self.root / file.name


def folder_source(root: Path, pattern: str = "**/*", *, by_content: bool = False) -> FolderSource:
    """The files below `root` whose path matches a glob pattern.

    Raises:
        DataError: the pattern leaves the folder, or the folder cannot be looked through.
    """
    wanted = _pattern(pattern)
    sorter, notes = Sorter(by_content=by_content), list[str]()
    try:
        for file in _walk(root, sorter, notes):
            if wanted.fullmatch(file.name):
                sorter.add(file, _start(root / file.name) if by_content and not PurePath(file.name).suffix else b"")
    except OSError as error:
        raise DataError(f"{error.filename or root}: cannot be looked through: {error.strerror or error}") from error
    _leave_own_grids(root, sorter)
    return FolderSource(root=root, listing=sorter.finish(notes))


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / "recipe.toml").is_file() and ((folder / "checkpoints").is_dir() or (folder / "samples").is_dir())


def _walk(root: Path, sorter: Sorter, notes: list[str]) -> Iterator[ImageFile]:
    """Every file below `root` that is neither hidden nor in a run's folder."""
    seen = {os.path.realpath(root)}
    waiting = [PurePosixPath()]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            name = folder / entry.name
            if hidden(entry.name):
                sorter.leave(str(name), "hidden", _count(Path(entry.path)))
            elif entry.is_dir():
                if _enter(entry, name, seen, sorter, notes):
                    waiting.append(name)
            else:
                status = entry.stat() if Path(entry.path).exists() else entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                    yield ImageFile(name=str(name), size=status.st_size, changed=status.st_mtime_ns)
                else:
                    sorter.leave(str(name), "no regular file")


def _enter(entry: "os.DirEntry[str]", name: PurePosixPath, seen: set[str], sorter: Sorter, notes: list[str]) -> bool:
    path = Path(entry.path)
    if is_run(path):
        sorter.leave(str(name), "written by ganforge", _count(path))
        return False
    if len(name.parts) > _DEEPEST:
        raise DataError(
            f"{printable_name(entry.path)}: folders in folders, more than {_DEEPEST} deep, are not followed"
        )
    real = os.path.realpath(path)
    if entry.is_symlink():
        if real in seen or any(real.startswith(f"{each}{os.sep}") for each in seen):
            sorter.leave(str(name), "a link to a folder that is taken already")
            return False
        notes.append(f"followed the link {printable_name(str(name))} to {printable_name(real)}")
        seen.add(real)
    return True


def _count(path: Path) -> int:
    """Number of files at or below a path, links not followed."""
    return sum(len(files) for _, _, files in os.walk(path)) if path.is_dir() and not path.is_symlink() else 1


def _leave_own_grids(root: Path, sorter: Sorter) -> None:
    """Leave out grids that ganforge drew into the folder itself."""
    beside = [file for file in sorter.images if "/" not in file.name and file.name.lower().endswith(".png")]
    if len(beside) > _OWN_MARKED:
        return
    own = {file.name for file in beside if OWN_MARK in _start(root / file.name, 128)}
    for name in sorted(own):
        sorter.leave(name, "written by ganforge")
    sorter.images[:] = [file for file in sorter.images if file.name not in own]


def _start(path: Path, size: int = 16) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:  # told of when it is read
        return b""


def _pattern(pattern: str) -> re.Pattern[str]:
    """A glob pattern over paths with slashes, where `**` stands for any folders."""
    parts = PurePath(pattern).parts
    if not parts or PurePath(pattern).is_absolute() or ".." in parts:
        raise DataError(f"pattern {pattern!r}: must be a path below the folder, as '**/*' or 'train/*.png'")
    if parts.count("**") > 1:
        raise DataError(f"pattern {pattern!r}: '**' may stand in it once")
    made = "".join(
        "(?:[^/]+/)*" if part == "**" else _within_a_name(part) + ("" if last else "/")
        for last, part in ((at == len(parts) - 1, part) for at, part in enumerate(parts))
    )
    return re.compile(made + ("[^/]+" if parts[-1] == "**" else ""), re.DOTALL)


def _within_a_name(part: str) -> str:
    return fnmatch.translate(part).removeprefix("(?s:").removesuffix(")\\Z").replace(".*", "[^/]*")
