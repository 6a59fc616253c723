"""The IDX format of the MNIST files: a big-endian magic number, one length for each axis, then bytes.

The header is never trusted with memory: what it promises is read piece by piece, up to a limit, and must then be all.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np
import numpy.typing as npt

from ganforge.errors import DataError

LIMIT_BYTES = 1 << 30
"""Largest content that is read: twenty times the training images of MNIST."""

_UNSIGNED_BYTES = 0x0800  # the magic number of uint8 data, to which the number of axes is added
_KINDS = {_UNSIGNED_BYTES + 1: "labels", _UNSIGNED_BYTES + 3: "images"}
_PIECE = 1 << 20


def read_idx(path: Path, axes: int) -> npt.NDArray[np.uint8]:
    """The content of an IDX file of unsigned bytes, gzipped or not: uint8 with `axes` axes.

    Args:
        path: the file; whether it is gzipped is seen from its content, not from its name.
        axes: 1 for labels (magic number 2049), 3 for images (2051).

    Raises:
        DataError: not such a file, cut short, damaged, longer or shorter than its header says, or past `LIMIT_BYTES`.
    """
    try:
        with path.open("rb") as file:
            gzipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not gzipped:
                return _read(file, path, axes)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _read(cast(IO[bytes], unpacked), path, axes)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip file is cut short or damaged ({error}). Get it anew") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _read(file: IO[bytes], path: Path, axes: int) -> npt.NDArray[np.uint8]:
    shape = _read_header(file, path, axes)
    size = math.prod(shape)
    if size > LIMIT_BYTES:
        raise DataError(f"{path}: its header promises {size:,} bytes; more than {LIMIT_BYTES:,} are not read")
    content = bytearray()
    while len(content) < size:
        piece = file.read(min(_PIECE, size - len(content)))
        if not piece:
            held = len(content) // max(1, size // shape[0])
            raise DataError(
                f"{path}: its header promises {shape[0]:,} {_KINDS[_UNSIGNED_BYTES + axes]}, it holds {held:,}"
            )
        content += piece
    if file.read(1):
        raise DataError(
            f"{path}: there are bytes after the {shape[0]:,} {_KINDS[_UNSIGNED_BYTES + axes]} of its header"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read_header(file: IO[bytes], path: Path, axes: int) -> tuple[int, ...]:
    expected = _UNSIGNED_BYTES + axes
    header = file.read(4 + 4 * axes)
    magic = int.from_bytes(header[:4], "big")
    if len(header) >= 4 and magic != expected:
        found = f", that of {_KINDS[magic]}" if magic in _KINDS else ""
        raise DataError(
            f"{path}: no IDX file of {_KINDS[expected]}: "
            f"its magic number is {magic} (0x{magic:08x}){found}, not {expected} (0x{expected:08x})"
        )
    if len(header) < 4 + 4 * axes:
        raise DataError(f"{path}: no IDX file: {len(header)} bytes are too few for its header of {4 + 4 * axes}")
    shape = struct.unpack(f">{axes}I", header[4:])
    if 0 in shape:
        raise DataError(f"{path}: its header promises no content: lengths {' x '.join(map(str, shape))}")
    return shape
