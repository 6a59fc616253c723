"""Bring a picture of any size to the shape that a network is built for: the one place where pictures are resized."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from PIL import Image

from ganforge.data.contract import ImageShape, Pixels
from ganforge.errors import DataError

Fit = Literal["cover", "stretch", "pad"]
"""What to do with another aspect ratio: cut off what is over, ignore it, or fill up with black."""

Crop = tuple[int, int]
"""Height and width."""

# Pillow widens the kernel when it shrinks, so nothing aliases. Bicubic rather than Lanczos because beside a bright
# stroke on black it only undershoots, which clips to black: Lanczos adds a second, faint outline when small pictures
# are enlarged, and a generator learns it.
_FILTER = Image.Resampling.BICUBIC


def fit_image(pixels: Pixels, shape: ImageShape, fit: Fit, crop: Crop | None = None) -> Pixels:
    """`pixels`, uint8 (any height, any width, 1 or 3), as uint8 of exactly `shape`.

    'cover' scales until both sides are filled and keeps the centre; 'stretch' scales each side alone; 'pad' scales
    until all is inside and centres it on black. Colour becomes grey by ITU-R 601 luma (0.299 R + 0.587 G + 0.114 B);
    grey becomes colour with three equal channels. A picture that has the shape already comes back unchanged.

    With `crop`, so much of the picture's centre is cut out first, and the rest of it does not count.

    Raises:
        DataError: the picture is smaller than `crop`.
    """
    if crop is not None:
        pixels = _centre(pixels, crop)
    if pixels.shape == shape:
        return pixels
    height, width, channels = shape
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if channels == 1:
        picture = picture.convert("L")
    picture = _WAYS[fit](picture, (width, height))
    if channels == 3:
        picture = picture.convert("RGB")
    return np.asarray(picture).reshape(shape)


def _centre(pixels: Pixels, crop: Crop) -> Pixels:
    (height, width), (rows, columns) = pixels.shape[:2], crop
    if height < rows or width < columns:
        raise DataError(f"{height}x{width} pixels are fewer than are to be cut out of it, data.crop = {rows}x{columns}")
    top, left = (height - rows) // 2, (width - columns) // 2
    return pixels[top : top + rows, left : left + columns]


def _cover(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    scale = max(size[0] / picture.width, size[1] / picture.height)
    kept_width, kept_height = size[0] / scale, size[1] / scale
    # Whole pixels: at scale 1 the crop is then exact, not softened by half a pixel.
    left = int((picture.width - kept_width) / 2)
    top = int((picture.height - kept_height) / 2)
    return picture.resize(size, _FILTER, box=(left, top, left + kept_width, top + kept_height))


def _stretch(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture.resize(size, _FILTER)


def _pad(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    scale = min(size[0] / picture.width, size[1] / picture.height)
    inner = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    canvas = Image.new(picture.mode, size)
    canvas.paste(picture.resize(inner, _FILTER), ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return canvas


_WAYS: Mapping[Fit, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    "cover": _cover,
    "stretch": _stretch,
    "pad": _pad,
}
