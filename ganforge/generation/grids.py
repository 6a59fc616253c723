"""Images for people: pixels from a generator's numbers, and grids with captions."""

from collections.abc import Sequence
from io import BytesIO
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from ganforge._io.files import write_whole
from ganforge.errors import GanforgeError
from ganforge.spec.arrays import Array, Images

OWN = "ganforge"
"""Mark, in an image's `info` and in its PNG file, of what is drawn for people and is no image of a data set."""
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Pillow's name of a file's format, by suffix."""
SMALLEST = 48
"""Pixels that the shorter side of an image in a grid has at least."""
_NAME = 14
"""Pixels of a name's height."""
_GAP = 4
_MARGIN = 8
_INK, _PAPER = (240, 240, 240), (70, 74, 84)  # neither black nor white, so that images end where they end


def to_pixels(made: Array, pixel_range: tuple[float, float]) -> Images:
    """uint8 images of a generator's output, rounded to the nearest; what is out of range is black or white."""
    low, high = pixel_range
    scaled = (made.astype(np.float64) - low) * (255.0 / (high - low))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def grid_size(
    count: int, size: tuple[int, int], columns: int, *, scale: int | None = None, named: bool = False
) -> tuple[int, int]:
    """(width, height) of a grid of `count` images of (height, width) pixels, without caption and names of rows."""
    zoom = scale or _zoom(size, SMALLEST)
    step = _step(size, zoom, named)
    return columns * step[1] - _GAP + 2 * _MARGIN, -(-count // columns) * step[0] - _GAP + 2 * _MARGIN


def grid(
    images: Images,
    *,
    columns: int | None = None,
    caption: str = "",
    rows: Sequence[str] = (),
    names: Sequence[str] = (),
    smallest: int = SMALLEST,
    scale: int | None = None,
) -> Image.Image:
    """One image of many, row by row; a notebook shows it.

    Args:
        images: uint8 (N, height, width, 1 or 3).
        columns: images in a row; by default about a square.
        caption: text above all.
        rows: a name to the left of each row.
        names: a name below each image.
        smallest: small images are enlarged by a whole number, so that the shorter side has at least so many pixels.
        scale: enlarge by this number instead.

    Raises:
        GanforgeError: an array of another shape or type, or no image in it.
    """
    if not isinstance(images, np.ndarray) or images.ndim != 4 or images.shape[3] not in (1, 3) or not len(images):
        shape = getattr(images, "shape", type(images).__name__)
        raise GanforgeError(f"a grid is made of images of shape (N, height, width, 1 or 3), not {shape}")
    if images.dtype != np.uint8:
        raise GanforgeError(f"a grid is made of uint8 images, not {images.dtype}; `to_pixels` converts a generator's")
    count, height, width, _ = images.shape
    columns = columns or ceil(sqrt(count))
    zoom = scale or _zoom((height, width), smallest)
    lines = -(-count // columns)
    font, small = ImageFont.load_default(size=14), ImageFont.load_default(size=11)
    left = _MARGIN + (max(round(font.getlength(name)) for name in rows) + _MARGIN if rows else 0)
    top = _MARGIN + (22 if caption else 0)
    step_y, step_x = _step((height, width), zoom, bool(names))
    sheet_width = left + columns * step_x - _GAP + _MARGIN
    if caption:
        sheet_width = max(sheet_width, 2 * _MARGIN + round(font.getlength(caption)))
    sheet = Image.new("RGB", (sheet_width, top + lines * step_y - _GAP + _MARGIN), _PAPER)
    sheet.info[OWN] = True
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN - 2), caption, fill=_INK, font=font)
    for row, name in enumerate(rows):
        middle = top + row * step_y + step_y // 2
        pen.text((_MARGIN, middle), name, fill=_INK, font=font, anchor="lm")
    for number, pixels in enumerate(images):
        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        enlarged = image.resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
        x, y = left + number % columns * step_x, top + number // columns * step_y
        sheet.paste(enlarged, (x, y))
        if number < len(names):
            text = _fitting(names[number], width * zoom, small)
            pen.text((x + width * zoom // 2, y + height * zoom + 1), text, fill=_INK, font=small, anchor="ma")
    return sheet


def save_png(image: Image.Image, path: Path) -> None:
    """Write a PNG file, whole or not at all.

    Raises:
        RunError: it cannot be written.
    """
    write_whole(path, _encoded(image, "PNG"))


def save_image(image: Image.Image, path: Path) -> None:
    """Write an image file in the format of its suffix, one of `FORMATS`, whole or not at all.

    Raises:
        GanforgeError: another suffix. RunError: it cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise GanforgeError(f"{path} must end in {', '.join(FORMATS)}")
    write_whole(path, _encoded(image, FORMATS[path.suffix.lower()]))


def _encoded(image: Image.Image, format: str) -> bytes:
    buffer = BytesIO()
    if format == "PNG":
        image.save(buffer, format, pnginfo=_marks(image))
    else:
        image.save(buffer, format, quality=95)
    return buffer.getvalue()


def _marks(image: Image.Image) -> PngInfo:
    marks = PngInfo()
    if OWN in image.info:
        marks.add_text("Software", OWN)
    return marks


def _zoom(size: tuple[int, int], smallest: int) -> int:
    return max(1, -(-smallest // min(size)))


def _step(size: tuple[int, int], zoom: int, named: bool) -> tuple[int, int]:
    """(height, width) from one image to the next."""
    return size[0] * zoom + _GAP + (_NAME if named else 0), size[1] * zoom + _GAP


def _fitting(name: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """As much of a name as there is room for."""
    while len(name) > 1 and font.getlength(name) > width:
        name = name[:-1]
    return name
