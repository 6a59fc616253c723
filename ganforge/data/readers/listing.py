"""What lies in a folder or an archive: the image files that are taken, and an account of what is left out."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from ganforge.data.contract import LeftOut
from ganforge.data.folders import ImageFile, printable_name
from ganforge.data.image_files import IMAGE_LIKE, looks_like_image, readable_suffixes

_HIDDEN = frozenset({"@eadir", "__macosx", "thumbs.db", "lost+found"})
"""Names, in lower case, of what systems put beside people's files."""

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")

TABLES = ("labels.csv", "metadata.csv", "metadata.jsonl", "dataset.json")
"""Names of files that may hold labels."""

_TABULAR = (".csv", ".tsv", ".jsonl", ".txt")
"""Suffixes of files that are needed if the user says so: tables of labels, and those of CelebA, which are .txt."""


class Source(Protocol):
    """Where files lie: a folder or an archive."""

    @property
    def listing(self) -> "Listing":
        """What is there."""
        ...

    def content(self, file: ImageFile) -> Path | IO[bytes]:
        """A file's path, or its content. May be called from several threads at once.

        Raises:
            DataError: it cannot be read.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a folder or an archive."""

    images: tuple[ImageFile, ...]
    """Those that are taken, in the order of their names."""
    beside: Mapping[str, ImageFile]
    """Other files that may be needed, by name: tables of labels, a label for each image."""
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Sorter:
    """Sorts files, one after the other, into those that are taken, those beside them, and those left out."""

    by_content: bool = False
    images: list[ImageFile] = field(default_factory=list)
    beside: dict[str, ImageFile] = field(default_factory=dict)
    _reasons: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, str] = field(default_factory=dict)

    def add(self, file: ImageFile, start: bytes = b"") -> None:
        """Sort a file.

        start: its first bytes, given where it has no suffix and `by_content` is set.
        """
        name = PurePosixPath(file.name)
        suffix = name.suffix.lower()
        if suffix in readable_suffixes() or (self.by_content and looks_like_image(start)):
            self.images.append(file)
        elif _needed(file.name):
            self.beside[file.name] = file
        else:
            if suffix in _TABULAR:
                self.beside[file.name] = file
            self.leave(file.name, why_not(file.name))

    def leave(self, name: str, reason: str, count: int = 1) -> None:
        """Leave a file, or a folder of so many files, out."""
        self._reasons[reason] += count
        self._examples.setdefault(reason, printable_name(name))

    def finish(self, notes: Iterable[str] = ()) -> Listing:
        """The listing of all files that were added."""
        return Listing(
            images=tuple(sorted(self.images, key=lambda file: file.name)),
            beside=self.beside,
            left_out=tuple(
                LeftOut(reason=reason, count=count, example=self._examples[reason])
                for reason, count in sorted(self._reasons.items())
            ),
            notes=tuple(notes),
        )


def without_read(left_out: Iterable[LeftOut], listing: Listing, read: Collection[str]) -> Iterator[LeftOut]:
    """The account `left_out` without the files beside the images that are read after all, which `read` names."""
    unread: dict[str, list[str]] = {}
    for name in listing.beside:
        if not _needed(name):
            names = unread.setdefault(why_not(name), [])
            if name not in read:
                names.append(name)
    for each in left_out:
        if each.reason not in unread:
            yield each
        elif names := unread[each.reason]:
            yield LeftOut(reason=each.reason, count=len(names), example=printable_name(names[0]))


def beginning(content: Path | IO[bytes], size: int) -> bytes:
    """The first bytes of a file that a source gives."""
    if isinstance(content, Path):
        with content.open("rb") as file:
            return file.read(size)
    return content.read(size)


def _needed(name: str) -> bool:
    """Whether a file beside the images holds labels, whatever the user says."""
    path = PurePosixPath(name)
    return path.name in TABLES or path.suffix.lower() in (".cls", ".json")


def hidden(name: str) -> bool:
    """Whether a file or folder of this name is one that people do not see or did not make."""
    return name.startswith(".") or name.lower() in _HIDDEN


def why_not(name: str) -> str:
    """Why a file that is not taken is not."""
    lower = name.lower()
    suffix = PurePosixPath(lower).suffix
    if suffix in (".csv", ".tsv", ".jsonl"):
        return "a table; --set data.labels=NAME takes labels from the one of that name"
    if lower.endswith(_ARCHIVES):
        return "an archive inside; give its own path to --data"
    if suffix in (".heic", ".heics", ".heif", ".heifs", ".hif"):
        return f"{suffix} needs: pip install pillow-heif"
    if suffix == ".avif":
        return ".avif needs a Pillow with AVIF"
    if suffix in IMAGE_LIKE:
        return f"{suffix} images are not read; convert them"
    return f"{suffix} files are no images" if suffix else "no suffix; --set data.by_content=true looks inside"
