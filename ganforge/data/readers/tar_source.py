"""The files in tar archives, WebDataset's shards among them, read from where they are.

A compressed archive is unpacked into a temporary file, as one piece: nothing with a name of its own is written.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path, PurePosixPath
from typing import IO, cast

from ganforge.data.folders import ImageFile
from ganforge.data.readers.listing import Listing, Sorter, hidden
from ganforge.data.readers.zip_source import safe_name
from ganforge.errors import DataError

_RATIO, _SMALL = 200, 64 << 20  # as for zip archives
_PIECE = 1 << 20

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True, kw_only=True)
class TarSource:
    """The files of one archive or several."""

    maps: Sequence[mmap]
    places: dict[str, tuple[int, int, int]]
    """By name: which archive, offset and size."""
    listing: Listing

    def content(self, file: ImageFile) -> Path | IO[bytes]:
        """The member's content."""
        archive, offset, size = self.places[file.name]
        return io.BytesIO(self.maps[archive][offset : offset + size])


def tar_source(paths: Sequence[Path], *, by_content: bool = False) -> TarSource:
    """The files in tar archives; of several, each file's name begins with its archive's.

    Raises:
        DataError: no tar archive, damaged, or with members that would leave its folder.
    """
    sorter, maps, places = Sorter(by_content=by_content), list[mmap](), dict[str, tuple[int, int, int]]()
    for number, path in enumerate(paths):
        prefix = f"{path.name}/" if len(paths) > 1 else ""
        try:
            with ExitStack() as opened:
                file = opened.enter_context(_plain(path))
                maps.append(mmap(file.fileno(), 0, access=ACCESS_READ))
                archive = opened.enter_context(tarfile.open(fileobj=file, mode="r:"))
                for member in archive:
                    _add(member, path, prefix, number, maps, places, sorter)
        except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read as a tar archive: {error}") from error
    return TarSource(maps=maps, places=places, listing=sorter.finish())


def _add(
    member: tarfile.TarInfo,
    path: Path,
    prefix: str,
    number: int,
    maps: Sequence[mmap],
    places: dict[str, tuple[int, int, int]],
    sorter: Sorter,
) -> None:
    if member.isdir():
        return
    name = prefix + safe_name(path, member.name)
    if any(hidden(part) for part in PurePosixPath(name).parts):
        sorter.leave(name, "hidden")
    elif not member.isreg():
        sorter.leave(name, "a link or a device, which archives are not read for")
    else:
        end = member.offset_data + member.size
        if end > len(maps[number]):
            raise DataError(f"{path}: is cut short: {name} would end at byte {end:,} of {len(maps[number]):,}")
        if name in places:
            raise DataError(f"{path}: holds {name} twice")
        places[name] = (number, member.offset_data, member.size)
        start = maps[number][member.offset_data : min(end, member.offset_data + 16)]
        sorter.add(ImageFile(name=name, size=member.size, changed=int(member.mtime)), start)


def _plain(path: Path) -> IO[bytes]:
    """The archive without compression, as a file of the system."""
    with path.open("rb") as file:
        start = file.read(6)
    unpack = next((unpack for mark, unpack in _COMPRESSED.items() if start.startswith(mark)), None)
    if unpack is None:
        return path.open("rb")
    limit = max(_SMALL, _RATIO * path.stat().st_size)
    made = tempfile.TemporaryFile(prefix="ganforge-")
    try:
        with unpack(path) as unpacked:
            while piece := unpacked.read(_PIECE):
                if made.tell() + len(piece) > limit:
                    raise DataError(f"{path}: would grow to more than {limit:,} bytes, as no images do; it is not read")
                made.write(piece)
        made.flush()
        made.seek(0)
    except BaseException:
        made.close()
        raise
    return made


_COMPRESSED: Mapping[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": lambda path: cast(IO[bytes], gzip.open(path)),
    b"BZh": lambda path: cast(IO[bytes], bz2.open(path)),
    b"\xfd7zXZ": lambda path: cast(IO[bytes], lzma.open(path)),
}
"""What a compressed file begins with, and what unpacks it."""
