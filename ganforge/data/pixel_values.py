"""Pixels of any type as uint8: which values are black and white, and what shows through transparent ones."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ImageColor

from ganforge.data.contract import Pixels
from ganforge.errors import DataError

ValueRange = tuple[float, float]
"""The value that becomes black and the value that becomes white."""

Color = tuple[int, int, int]


def color_of(text: str, where: str) -> Color:
    """Red, green and blue of a color as CSS writes it.

    Raises:
        DataError: it is none; the message begins with `where`.
    """
    try:
        return ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise DataError(f"{where}: {text!r} is not a color; 'white' or '#ff8000' are") from error


def evident_range(dtype: np.dtype[Any], low: float, high: float, where: str) -> ValueRange:
    """The range that pixels of this type, which lie between `low` and `high`, evidently have.

    Raises:
        DataError: it is not evident, or they are not finite.
    """
    if not np.isfinite([low, high]).all():
        raise DataError(f"{where}: pixels that are not finite (NaN or infinite)")
    if dtype == np.bool_:
        return 0.0, 1.0
    if dtype == np.uint8:
        return 0.0, 255.0
    if dtype == np.uint16:
        return 0.0, 65535.0
    if dtype.kind in "iu" and low >= 0 and high <= 255:
        return 0.0, 255.0
    if dtype.kind == "f":
        for black, white in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
            if black <= low and high <= white:
                return black, white
    raise DataError(
        f"{where}: {dtype} pixels from {low:g} to {high:g}: which value is black and which white is not evident; "
        "give value_range, as (0, 4095)"
    )


def check_range(
    value_range: ValueRange, low: float, high: float, where: str, option: str = "value_range"
) -> ValueRange:
    """`value_range`, which pixels between `low` and `high` must keep to.

    Raises:
        DataError: they do not, or it is no range.
    """
    black, white = value_range
    if not (np.isfinite([black, white]).all() and black < white):
        raise DataError(f"{where}: {option} ({black:g}, {white:g}) is no range: (black, white) with black < white")
    if not (black <= low and high <= white):
        raise DataError(f"{where}: pixels from {low:g} to {high:g} lie outside {option} ({black:g}, {white:g})")
    return black, white


def eight_bits(values: npt.NDArray[Any], value_range: ValueRange) -> npt.NDArray[np.uint8]:
    """Pixels as uint8: black becomes 0, white 255, what lies between the nearest level."""
    if values.dtype == np.uint8 and value_range == (0.0, 255.0):
        return values
    black, white = value_range
    scaled = (values.astype(np.float64) - black) * (255.0 / (white - black))
    return np.clip(np.floor(scaled + 0.5), 0, 255).astype(np.uint8)


def over_background(pixels: npt.NDArray[np.uint8], background: Color) -> Pixels:
    """Pixels whose last channel, of 2 or 4, is their opacity, composed over a color: (height, width, 1 or 3).

    Grey over a color that is not grey becomes color.
    """
    alpha = pixels[..., -1:].astype(np.uint32)
    colors, under = pixels[..., :-1].astype(np.uint32), np.array(background, np.uint32)
    if colors.shape[2] == 1 and len(set(background)) == 1:
        under = under[:1]
    return ((colors * alpha + under * (255 - alpha) + 127) // 255).astype(np.uint8)
