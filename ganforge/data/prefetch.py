"""Rows of a file as an array, and rows asked of the disk before they are wanted.

An array over a file reads a row when it is first looked at, one after the other, and whoever looks waits. Told
beforehand which rows will be wanted, the system reads them side by side while something else is computed; so there is
no thread, nothing to stop, and nothing that depends on when it was done. What is asked for and never wanted costs
nothing but the reading.
"""

import sys
from mmap import ACCESS_READ, PAGESIZE, mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

WHOLE = 256 << 20
"""Bytes of an array up to which it is asked for all at once when it is opened, and never again."""


def map_rows(path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...], *, offset: int) -> npt.NDArray[Any]:
    """The array of `shape` that lies `offset` bytes into a file, read-only; nothing is read yet.

    Raises:
        OSError, ValueError: it cannot be mapped, or is too short.
    """
    with path.open("rb") as file:
        mapped = mmap(file.fileno(), 0, access=ACCESS_READ)
    if sys.platform != "win32":
        from mmap import MADV_RANDOM, MADV_WILLNEED

        # Rows are wanted in random order: what lies around one, which the system would read too, is of no use.
        mapped.madvise(MADV_RANDOM)
        if len(mapped) <= WHOLE:
            mapped.madvise(MADV_WILLNEED)
    return np.ndarray(shape, dtype, buffer=mapped, offset=offset)


def asks(array: npt.NDArray[Any]) -> bool:
    """Whether it pays to `ask` for rows of this array: it is one of `map_rows`, and a large one."""
    return sys.platform != "win32" and array.nbytes > WHOLE and isinstance(array.base, mmap)


def ask(array: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> None:
    """Have the disk read these rows of a `map_rows` array by and by; comes back at once, a microsecond for each.

    Does nothing for any other array.
    """
    if sys.platform == "win32" or not isinstance(array.base, mmap):
        return
    from mmap import MADV_WILLNEED

    mapped = array.base
    size = array.strides[0]
    first = len(mapped) - array.nbytes  # the array is the rest of the file
    for row in rows.tolist():
        start = first + row * size
        begin = start - start % PAGESIZE
        mapped.madvise(MADV_WILLNEED, begin, start + size - begin)
