"""What makes a step fast on a CPU and changes no number: remove this module and its one use, and all of them stay.

XLA's own convolutions are slow there, and its matrix products are fast. A convolution and a transposed one are one
thing seen from both sides: a kernel (height, width, large channels, small channels) ties every position of a small map
to a window of a large one. A convolution gathers the large map into the small one, a transposed one scatters the small
map over the large one, and tying both maps gives the kernel's gradient. Each of the three is a matrix product, and the
derivatives of each are the other two, however often one differentiates.
"""

import ctypes
import platform
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from ganforge.spec import Sides
from ganforge_jax.convolution import Convolutions, Size


class Lattice(NamedTuple):
    """How the positions of a small map lie on a large one."""

    small: Size
    large: Size
    """(height, width)."""
    kernel: Size
    stride: Size
    padding: Sides
    """Zeros around the large map."""


def conv(x: Array, kernel: Array, stride: Size, padding: Sides) -> Array:
    """As `ganforge_jax.convolution.conv`."""
    down, across = (
        (size + low + high - extent) // step + 1
        for size, (low, high), extent, step in zip(x.shape[1:3], padding, kernel.shape[:2], stride, strict=True)
    )
    return gather(Lattice((down, across), _image(x), _kernel(kernel), stride, padding), x, kernel)


def conv_transpose(x: Array, kernel: Array, stride: Size, crop: Sides, size: Size) -> Array:
    """As `ganforge_jax.convolution.conv_transpose`."""
    return scatter(Lattice(_image(x), size, _kernel(kernel), stride, crop), x, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def gather(lattice: Lattice, large: Array, kernel: Array) -> Array:
    """The large map into the small one."""
    return jnp.matmul(_windows(lattice, large), _matrix(lattice, kernel))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def scatter(lattice: Lattice, small: Array, kernel: Array) -> Array:
    """The small map over the large one."""
    # Each pixel of the small map makes some cells, a cell being the stride's square of pixels; they overlap by whole
    # cells.
    (rows, columns), (down, across) = _cells(lattice), lattice.stride
    (height, width), (batch, _, _, filters) = lattice.small, small.shape
    cells = _in_cells(lattice, kernel).transpose(0, 2, 5, 1, 3, 4).reshape(rows, columns, filters, -1)
    pieces = [
        _bordered(jnp.matmul(small, cells[row, column]), [(row, rows - 1 - row), (column, columns - 1 - column)])
        for row in range(rows)
        for column in range(columns)
    ]
    height, width, full = height + rows - 1, width + columns - 1, reduce(jnp.add, pieces)
    full = full.reshape(batch, height, width, down, -1).transpose(0, 1, 3, 2, 4)
    full = full.reshape(batch, height * down, width * across, -1)
    sides = [
        (-low, low + size - count)
        for (low, _), size, count in zip(lattice.padding, lattice.large, full.shape[1:3], strict=True)
    ]
    return _bordered(full, sides)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def tie(lattice: Lattice, large: Array, small: Array) -> Array:
    """The kernel that ties them most: its gradient."""
    windows = _windows(lattice, large)
    places = (0, 1, 2)
    found = lax.dot_general(windows, small, ((places, places), ((), ())))
    (_, columns), (_, across), (height, width) = _cells(lattice), lattice.stride, lattice.kernel
    return found.reshape(height, columns * across, large.shape[3], small.shape[3])[:, :width]


def _gather_back(lattice: Lattice, kept: tuple[Array, Array], small: Array) -> tuple[Array, Array]:
    large, kernel = kept
    return scatter(lattice, small, kernel), tie(lattice, large, small)


def _scatter_back(lattice: Lattice, kept: tuple[Array, Array], large: Array) -> tuple[Array, Array]:
    small, kernel = kept
    return gather(lattice, large, kernel), tie(lattice, large, small)


def _tie_back(lattice: Lattice, kept: tuple[Array, Array], kernel: Array) -> tuple[Array, Array]:
    large, small = kept
    return scatter(lattice, small, kernel), gather(lattice, large, kernel)


gather.defvjp(lambda lattice, *given: (gather(lattice, *given), given), _gather_back)
scatter.defvjp(lambda lattice, *given: (scatter(lattice, *given), given), _scatter_back)
tie.defvjp(lambda lattice, *given: (tie(lattice, *given), given), _tie_back)

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # glibc's malloc.h


def keep_freed_memory() -> None:
    """Have the C library keep memory that is freed, for the next step, which wants as much again.

    glibc hands large blocks back to the system at once and is given them anew as empty pages, which for the windows of
    a convolution takes longer than the convolution. So it is for the whole process; another C library does as it likes.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


TUNED = Convolutions(conv=conv, conv_transpose=conv_transpose)


def _windows(lattice: Lattice, large: Array) -> Array:
    """(B, *small, height * cells * stride * channels): every window's rows, in pieces that lie as one in memory."""
    (height, _), (_, columns), (down, across) = lattice.kernel, _cells(lattice), lattice.stride
    (tall, broad), batch = lattice.small, large.shape[0]
    needed = (tall - 1) * down + height, (broad - 1 + columns) * across
    sides = [
        (low, count - low - size) for (low, _), size, count in zip(lattice.padding, lattice.large, needed, strict=True)
    ]
    wide = _bordered(large, sides).reshape(batch, needed[0], needed[1] // across, -1)
    return jnp.concatenate(
        [
            wide[:, row : row + (tall - 1) * down + 1 : down, column : column + broad]
            for row in range(height)
            for column in range(columns)
        ],
        axis=3,
    )


def _matrix(lattice: Lattice, kernel: Array) -> Array:
    """The kernel as what `_windows` are multiplied by."""
    (_, columns), (_, across) = _cells(lattice), lattice.stride
    wide = jnp.pad(kernel, ((0, 0), (0, columns * across - kernel.shape[1]), (0, 0), (0, 0)))
    return wide.reshape(-1, kernel.shape[3])


def _in_cells(lattice: Lattice, kernel: Array) -> Array:
    """(rows, stride, columns, stride, large channels, small channels), zeros where the kernel ends within a cell."""
    (rows, columns), (down, across) = _cells(lattice), lattice.stride
    height, width, *channels = kernel.shape
    wide = jnp.pad(kernel, ((0, rows * down - height), (0, columns * across - width), (0, 0), (0, 0)))
    return wide.reshape(rows, down, columns, across, *channels)


def _cells(lattice: Lattice) -> Size:
    """How many cells, the stride's square of pixels, the kernel reaches over."""
    (height, width), (down, across) = lattice.kernel, lattice.stride
    return -(-height // down), -(-width // across)


def _bordered(x: Array, sides: list[tuple[int, int]]) -> Array:
    """Zeros around images, or fewer rows and columns where a number is negative."""
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((low, high, 0) for low, high in sides), (0, 0, 0)])


def _image(x: Array) -> Size:
    return x.shape[1], x.shape[2]


def _kernel(kernel: Array) -> Size:
    return kernel.shape[0], kernel.shape[1]
