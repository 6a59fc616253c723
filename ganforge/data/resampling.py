"""Filters that Pillow does not have: interpolation without antialiasing, and the mean over an area.

An image is resampled along its columns, then along its rows, in float64. An output pixel is a weighted sum of the few
input pixels around it, added in their order, so that every machine gets the same result.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ganforge.data.resizing_settings import Filter

_Floats = npt.NDArray[np.float64]


def _triangle(x: _Floats) -> _Floats:
    return np.maximum(0.0, 1.0 - np.abs(x))


def _keys(x: _Floats) -> _Floats:
    """Keys (1981), equation 4, with a = -1/2, as Pillow and TensorFlow have it."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: _Floats) -> _Floats:
    return np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


_KERNELS: Mapping[str, tuple[Callable[[_Floats], _Floats], float]] = {
    "bilinear": (_triangle, 1.0),
    "bicubic": (_keys, 2.0),
    "lanczos": (_lanczos, 3.0),
}
"""Each with the distance, in pixels, from which on it is 0."""

Span = tuple[float, float]
"""Begin and length of what is resampled, in input pixels."""


def resample(
    pixels: npt.NDArray[np.uint8], size: tuple[int, int], method: Filter, rows: Span, columns: Span
) -> npt.NDArray[np.uint8]:
    """Part of an image, uint8 (height, width, channels), as uint8 (*size, channels).

    Args:
        pixels: the image.
        size: height and width of the result.
        method: 'bilinear', 'bicubic' or 'lanczos', without antialiasing, or 'area'.
        rows: which of its rows are resampled.
        columns: which of its columns.
    """
    weights = _area if method == "area" else _interpolation(*_KERNELS[method])
    across = _along(pixels.astype(np.float64), 1, *weights(pixels.shape[1], size[1], columns))
    down = _along(across, 0, *weights(pixels.shape[0], size[0], rows))
    return np.clip(np.floor(down + 0.5), 0, 255).astype(np.uint8)


def _along(values: _Floats, axis: int, first: npt.NDArray[np.int64], weights: _Floats) -> _Floats:
    """Weighted sums along an axis: output i is that of inputs first[i], first[i] + 1, ..."""
    last = values.shape[axis] - 1
    shape = [1] * values.ndim
    shape[axis] = len(first)
    total: Any = 0.0
    for tap in range(weights.shape[1]):
        total = total + weights[:, tap].reshape(shape) * np.take(values, np.clip(first + tap, 0, last), axis)
    return np.asarray(total)


def _interpolation(
    kernel: Callable[[_Floats], _Floats], reach: float
) -> Callable[[int, int, Span], tuple[npt.NDArray[np.int64], _Floats]]:
    def weights(inputs: int, outputs: int, span: Span) -> tuple[npt.NDArray[np.int64], _Floats]:
        centre = span[0] + (np.arange(outputs) + 0.5) * (span[1] / outputs)
        first = np.floor(centre - reach + 0.5).astype(np.int64)
        taps = first[:, None] + np.arange(int(2 * reach))
        found = kernel(taps + 0.5 - centre[:, None]) * ((taps >= 0) & (taps < inputs))
        return first, found / found.sum(axis=1, keepdims=True)

    return weights


def _area(inputs: int, outputs: int, span: Span) -> tuple[npt.NDArray[np.int64], _Floats]:
    step = span[1] / outputs
    begin = span[0] + np.arange(outputs) * step
    first = np.floor(begin).astype(np.int64)
    taps = first[:, None] + np.arange(int(np.ceil(step)) + 1)
    covered = np.minimum(taps + 1, begin[:, None] + step) - np.maximum(taps, begin[:, None])
    covered = np.maximum(covered, 0.0) * ((taps >= 0) & (taps < inputs))
    return first, covered / covered.sum(axis=1, keepdims=True)
