"""Image files of a folder or an archive as an image set."""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from pathlib import Path

import msgspec

from ganforge.data.class_labels import natural_key
from ganforge.data.contract import ImageFacts, LeftOut, Pixels
from ganforge.data.folders import ImageFile, digest_of, printable_name
from ganforge.data.image_files import image_facts, read_image, readable_suffixes
from ganforge.data.readers.labelling import SPLITS, find_labels
from ganforge.data.readers.listing import Source, without_read
from ganforge.data.reading_settings import PLAIN_READING, Reading
from ganforge.errors import DataError


@dataclass(frozen=True, kw_only=True)
class FileSet:
    """Images in files, made by `file_set`."""

    source: Source
    files: tuple[ImageFile, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    reading: Reading
    read_beside: frozenset[str] = frozenset()
    """Names of tables that are read, and so not left out."""

    @cached_property
    def fingerprint(self) -> str:
        """Hash of every file's name, size and time of change, of its label, of the classes, and of how it is read."""
        digest = digest_of(self.files, self.labels, self.class_names)
        if self.reading != PLAIN_READING:
            digest.update(msgspec.json.encode(self.reading))
        return f"folder {digest.hexdigest()}"

    def __len__(self) -> int:
        return len(self.files)

    def label(self, index: int) -> int:
        """Position of the image's class among `class_names`."""
        return self.labels[index]

    def where(self, index: int) -> str:
        """The path in the folder or archive, as text that can be printed."""
        return printable_name(self.files[index].name)

    def read(self, index: int) -> Pixels:
        """Image `index`, upright: uint8 (height, width, 1 or 3)."""
        return read_image(self.source.content(self.files[index]), self.where(index), self.reading)

    def facts(self, index: int) -> ImageFacts:
        """What the file holds."""
        return image_facts(self.source.content(self.files[index]), self.where(index), self.reading)

    def only(self, taken: Sequence[bool], reason: str) -> "FileSet":
        """The images that are taken, one flag for each, and their classes; the account says why the others are not."""
        left = [file for file, take in zip(self.files, taken, strict=True) if not take]
        if not left:
            return self
        why = LeftOut(reason=reason, count=len(left), example=printable_name(left[0].name))
        labels = tuple(compress(self.labels, taken))
        position = {label: number for number, label in enumerate(sorted(set(labels)))}
        return replace(
            self,
            files=tuple(compress(self.files, taken)),
            labels=tuple(position[label] for label in labels),
            class_names=tuple(self.class_names[label] for label in position),
            left_out=(*self.left_out, why),
        )

    def with_labels(self, asked: str, column: str | None, where: Path) -> "FileSet":
        """The images with the labels that are asked for or found; those without one are left out.

        Args:
            asked: see `ganforge.data.readers.labelling.find_labels`.
            column: of a table of labels.
            where: what to call the images in messages.

        Raises:
            DataError: labels that cannot be had.
        """
        found, why = find_labels(self.source, self.files, asked, column)
        if found is None:
            return self.labelled((), (), f"no labels: {why}")
        images = self.only([file.name in found.of for file in self.files], f"no label in {found.note.split()[-1]}")
        raw = sorted(set(found.of[file.name] for file in images.files), key=natural_key)
        position = {name: number for number, name in enumerate(raw)}
        labels = [position[found.of[file.name]] for file in images.files]
        return images.reading_tables((asked,)).labelled(labels, _printable(raw, where), found.note)

    def reading_tables(self, names: Collection[str]) -> "FileSet":
        """The same images; the account no longer says that these files beside them are left out."""
        read = self.read_beside | set(names)
        return replace(self, read_beside=read, left_out=tuple(without_read(self.left_out, self.source.listing, read)))

    def labelled(self, labels: Sequence[int], class_names: Sequence[str], note: str) -> "FileSet":
        """The same images with other labels, one for each; the account notes where they come from."""
        notes = tuple(each for each in self.notes if not each.startswith(("labels ", "no labels")))
        return replace(self, labels=tuple(labels), class_names=tuple(class_names), notes=(*notes, note))


def file_set(
    source: Source,
    where: Path,
    *,
    labels: str = "auto",
    label_column: str | None = None,
    split: str | None = None,
    reading: Reading = PLAIN_READING,
) -> FileSet:
    """The images of a source, with the labels that are asked for or found.

    Args:
        source: the files.
        where: what to call the source in messages.
        labels: see `ganforge.data.readers.labelling.find_labels`.
        label_column: of a table of labels.
        split: only the images below the folder of this name.
        reading: how an image becomes 8 bits a channel.

    Raises:
        DataError: no image, no such split, or labels that cannot be had.
    """
    left_out, notes = source.listing.left_out, list(source.listing.notes)
    files = _split(source.listing.images, split, where, notes)
    if not files:
        raise DataError(f"{where}: no images{_instead(left_out)}; read are {', '.join(sorted(readable_suffixes()))}")
    images = FileSet(
        source=source,
        files=files,
        labels=(),
        class_names=(),
        left_out=left_out,
        notes=tuple(notes),
        reading=reading,
    )
    return images.with_labels(labels, label_column, where)


def _split(files: tuple[ImageFile, ...], split: str | None, where: Path, notes: list[str]) -> tuple[ImageFile, ...]:
    """The files of one split; of all, if none is asked for, and the splits are told of."""
    first = Counter(file.name.partition("/")[0] for file in files if "/" in file.name)
    splits = [name for name in first if name.lower() in SPLITS]
    if split is None:
        if splits and len(splits) == len(first):
            counts = ", ".join(f"{printable_name(name)} ({first[name]:,})" for name in splits)
            notes.append(f"the subfolders are splits, all taken: {counts}; one alone by --set data.split={splits[0]}")
        return files
    chosen = tuple(file for file in files if split in Path(file.name).parts[:2])
    if not chosen:
        raise DataError(
            f"{where}: no images in a subfolder {split!r}; subfolders: {', '.join(sorted(first)) or 'none'}"
        )
    return chosen


def _instead(left_out: Sequence[LeftOut]) -> str:
    return "".join(f"; {each.count:,} left out ({each.reason}: {each.example})" for each in left_out)


def _printable(names: Sequence[str], where: Path) -> tuple[str, ...]:
    """Class names as they can be stored and printed; they must still tell the classes apart."""
    printed = tuple(printable_name(name) for name in names)
    times = Counter(printed)
    alike = sorted(os.fsencode(name) for name, shown in zip(names, printed, strict=True) if times[shown] > 1)
    if alike:
        raise DataError(
            f"{where}: the subfolders {', '.join(map(repr, alike))} would be classes of one name, because bytes "
            "that are no UTF-8 are replaced. Rename them"
        )
    return printed
