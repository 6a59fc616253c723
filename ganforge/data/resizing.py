"""Bring an image of any size to the shape that a network takes: the one place where images are resized."""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from ganforge.data.contract import ImageShape, Pixels
from ganforge.data.pixel_values import color_of
from ganforge.data.resampling import resample
from ganforge.data.resizing_settings import PLAIN, Crop, CropRounding, Fit, Resizing
from ganforge.errors import DataError

_PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Filters of Pillow, which widens all but the first when it shrinks."""

_Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge."""


def fit_image(pixels: Pixels, shape: ImageShape, resizing: Resizing = PLAIN) -> Pixels:
    """`pixels`, uint8 (any height, any width, 1 or 3), as uint8 of exactly `shape`.

    'cover' scales until both sides are filled and keeps the centre; 'resize_crop' does the same in two steps, by whole
    pixels; 'stretch' scales each side alone; 'pad' scales until all is inside and centers it. Color becomes grey by
    ITU-R 601 luma (0.299 R + 0.587 G + 0.114 B); grey becomes color with three equal channels. An image that has the
    shape already comes back unchanged.

    Raises:
        DataError: the image is smaller than the crop.
    """
    if resizing.crop is not None:
        pixels = _cropped(pixels, resizing.crop, resizing)
    if pixels.shape == shape:
        return pixels
    height, width, channels = shape
    if channels == 1 and pixels.shape[2] == 3:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))[..., np.newaxis]
    pixels = _FITS[resizing.fit](pixels, (height, width), resizing)
    return np.repeat(pixels, 3, axis=2) if channels == 3 and pixels.shape[2] == 1 else pixels


def _cropped(pixels: Pixels, crop: Crop, resizing: Resizing) -> Pixels:
    (height, width), (rows, columns) = pixels.shape[:2], crop
    if resizing.crop_small == "keep":
        rows, columns = min(rows, height), min(columns, width)
    if height < rows or width < columns:
        raise DataError(
            f"{height}x{width} pixels are fewer than are to be cut out of it, data.crop = {rows}x{columns}; "
            "--set data.crop_small=keep takes all of such an image"
        )
    return _centre(pixels, (rows, columns), resizing.crop_rounding)


def _centre(pixels: Pixels, size: Crop, rounding: CropRounding) -> Pixels:
    # Python's round takes a half to the even neighbour.
    top, left = (
        over // 2 if rounding == "down" else round(over / 2)
        for over in (pixels.shape[0] - size[0], pixels.shape[1] - size[1])
    )
    return pixels[top : top + size[0], left : left + size[1]]


def _resized(pixels: Pixels, size: tuple[int, int], resizing: Resizing, box: _Box | None = None) -> Pixels:
    """What lies in `box`, or all of it, as (*size, channels)."""
    left, top, right, bottom = box or (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))
    method = resizing.filter
    if method == "area" or (method != "nearest" and not resizing.antialias):
        return resample(pixels, size, method, (top, bottom - top), (left, right - left))
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    made = np.asarray(image.resize(size[::-1], _PILLOW[method], box=(left, top, right, bottom)))
    return made.reshape(*size, pixels.shape[2])


def _cover(pixels: Pixels, size: tuple[int, int], resizing: Resizing) -> Pixels:
    rows, columns = pixels.shape[:2]
    scale = max(size[1] / columns, size[0] / rows)
    kept_width, kept_height = size[1] / scale, size[0] / scale
    # Whole pixels: at scale 1 the crop is then exact, not softened by half a pixel.
    left = int((columns - kept_width) / 2)
    top = int((rows - kept_height) / 2)
    return _resized(pixels, size, resizing, (left, top, left + kept_width, top + kept_height))


def _resize_crop(pixels: Pixels, size: tuple[int, int], resizing: Resizing) -> Pixels:
    rows, columns = pixels.shape[:2]
    if size[0] * columns >= size[1] * rows:  # the height decides
        inner = size[0], max(size[1], size[0] * columns // rows)
    else:
        inner = max(size[0], size[1] * rows // columns), size[1]
    return _centre(_resized(pixels, inner, resizing), size, resizing.crop_rounding)


def _stretch(pixels: Pixels, size: tuple[int, int], resizing: Resizing) -> Pixels:
    return _resized(pixels, size, resizing)


def _pad(pixels: Pixels, size: tuple[int, int], resizing: Resizing) -> Pixels:
    rows, columns = pixels.shape[:2]
    scale = min(size[1] / columns, size[0] / rows)
    inner = max(1, round(rows * scale)), max(1, round(columns * scale))
    color = color_of(resizing.padding, "data.padding")
    canvas = Image.new("RGB", (1, 1), color)
    if pixels.shape[2] == 1:
        canvas = canvas.convert("L")
    made = np.empty((*size, pixels.shape[2]), np.uint8)
    made[:] = np.asarray(canvas).reshape(pixels.shape[2])
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    made[top : top + inner[0], left : left + inner[1]] = _resized(pixels, inner, resizing)
    return made


_FITS: Mapping[Fit, Callable[[Pixels, tuple[int, int], Resizing], Pixels]] = {
    "cover": _cover,
    "resize_crop": _resize_crop,
    "stretch": _stretch,
    "pad": _pad,
}
