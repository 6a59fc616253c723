"""The files in a zip archive, read from where they are; nothing is unpacked."""

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ganforge.data.folders import ImageFile, printable_name
from ganforge.data.readers.listing import Listing, Sorter, hidden
from ganforge.errors import DataError

MEMBER_LIMIT = 1 << 30
"""Largest member that is read, in bytes."""
_RATIO, _SMALL = 200, 64 << 20  # no image shrinks to a two-hundredth; of members this small it does not matter
_ENCRYPTED = 0x1


@dataclass(frozen=True, kw_only=True)
class ZipSource:
    """An archive's files."""

    archive: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]
    listing: Listing
    path: Path

    def content(self, file: ImageFile) -> Path | IO[bytes]:
        """The member's content."""
        try:
            return io.BytesIO(self.archive.read(self.members[file.name]))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            raise DataError(f"{printable_name(file.name)}: cannot be read from {self.path.name}: {error}") from error


def zip_source(path: Path, *, by_content: bool = False) -> ZipSource:
    """The files in a zip archive.

    Raises:
        DataError: no zip archive, damaged, encrypted, or with members that would leave its folder or are bombs.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        raise DataError(f"{path}: cannot be read as a zip archive: {error}") from error
    sorter, members = Sorter(by_content=by_content), dict[str, zipfile.ZipInfo]()
    for member in archive.infolist():
        if member.is_dir():
            continue
        name = safe_name(path, member.filename)
        if any(hidden(part) for part in PurePosixPath(name).parts):
            sorter.leave(name, "hidden")
            continue
        if member.flag_bits & _ENCRYPTED:
            raise DataError(f"{path}: {printable_name(name)} is encrypted. Unpack it, and give the folder to --data")
        if member.file_size > max(_SMALL, _RATIO * member.compress_size) or member.file_size > MEMBER_LIMIT:
            raise DataError(
                f"{path}: {printable_name(name)} would grow from {member.compress_size:,} to {member.file_size:,} "
                "bytes, as no image does; it is not read"
            )
        if name in members:
            raise DataError(f"{path}: holds {printable_name(name)} twice")
        members[name] = member
        peek = archive.open(member).read(16) if by_content and not PurePosixPath(name).suffix else b""
        sorter.add(ImageFile(name=name, size=member.file_size, changed=member.CRC), peek)
    return ZipSource(archive=archive, members=members, listing=sorter.finish(), path=path)


def safe_name(path: Path, name: str) -> str:
    """A member's name with slashes.

    Raises:
        DataError: it leads out of the archive's own folder.
    """
    clean = PurePosixPath(name.replace("\\", "/"))
    if clean.is_absolute() or ".." in clean.parts or "\0" in name or (clean.parts and ":" in clean.parts[0]):
        raise DataError(f"{path}: its member {printable_name(name)!r} leads out of the archive; it is not read")
    return str(clean)
