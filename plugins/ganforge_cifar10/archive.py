"""Read some members of a tar archive from its beginning to its end, gzipped or not, and write nothing.

The headers are read here and not by `tarfile.open`, which stops without a word at a damaged one and takes headers of
any size into memory. A member's name is compared and shown, never used as a path.
"""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from ganforge.data import printable_name
from ganforge.errors import DataError

LIMIT_BYTES = 384 << 20
"""Largest content that is read, unpacked: all of CIFAR-10 is 184 MB, pickled by Python 3 for Python 2 278 MB."""

_MOST_MEMBERS = 10_000  # CIFAR-10 has nine; an empty one costs half a kilobyte, and time
_PIECE = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_LINKS_AND_DEVICES = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)


def is_archive(path: Path) -> bool:
    """Whether a file is a tar archive or gzipped, as its first bytes tell.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_BLOCK)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return head[:2] == b"\x1f\x8b" or head[257:262] == b"ustar"


def read_members(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Name without folders and content of each file whose name is `wanted`, in the archive's order.

    Raises:
        DataError: no such archive, cut short, damaged, of more than `LIMIT_BYTES`, or with a member that no honest
            archive of data has: a link, a device, a path that leads out of the folder.
    """
    try:
        with path.open("rb") as raw:
            if raw.peek(2)[:2] != b"\x1f\x8b":
                yield from _members(raw, path, wanted)
                return
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield from _members(cast(IO[bytes], unpacked), path, wanted)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip file is cut short or damaged ({error}). Get it anew") from error
    except tarfile.HeaderError as error:
        raise DataError(f"{path}: not a tar archive, or a damaged one ({error}). Get it anew") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _members(file: IO[bytes], path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    number = 0
    while (block := file.read(_BLOCK)).strip(b"\0"):
        number += 1
        if number > _MOST_MEMBERS:
            raise DataError(f"{path}: an archive of more than {_MOST_MEMBERS:,} members is not read")
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        _refuse_hostile(header, path)
        size = 0 if header.isdir() else header.size
        padding = -size % _BLOCK
        if size < 0 or file.tell() + size + padding > LIMIT_BYTES:
            raise DataError(
                f"{path}: {printable_name(header.name)}: {size:,} bytes by its header; "
                f"more than {LIMIT_BYTES:,} in all are not read"
            )
        name = PurePosixPath(header.name).name
        if header.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and wanted(name):
            yield name, b"".join(_pieces(file, size, path))
            size = 0
        for _ in _pieces(file, size + padding, path):
            pass
    while file.read(_PIECE):  # the gzip file's checksum stands at its very end
        if file.tell() > LIMIT_BYTES:
            raise DataError(f"{path}: it goes on after its end; more than {LIMIT_BYTES:,} bytes are not read")


def _refuse_hostile(header: tarfile.TarInfo, path: Path) -> None:
    name = PurePosixPath(header.name)
    if name.is_absolute() or ".." in name.parts:
        raise DataError(
            f"{path}: refused, because its member {printable_name(header.name)} leads out of the archive's folder"
        )
    if header.type in _LINKS_AND_DEVICES:
        kind = f"a link to {printable_name(header.linkname)}" if header.islnk() or header.issym() else "a device"
        raise DataError(
            f"{path}: refused, because its member {printable_name(header.name)} is {kind}, which is not followed"
        )


def _pieces(file: IO[bytes], size: int, path: Path) -> Iterator[bytes]:
    while size:
        piece = file.read(min(_PIECE, size))
        if not piece:
            raise DataError(f"{path}: the archive is cut short. Get it anew")
        yield piece
        size -= len(piece)
