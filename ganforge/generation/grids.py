"""Pictures for people: pixels from a generator's numbers, and grids with captions."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganforge._io.files import write_whole
from ganforge.spec.arrays import Array, Images

_GAP = 4
_MARGIN = 8
_INK, _PAPER = (240, 240, 240), (70, 74, 84)  # neither black nor white, so that pictures end where they end


def to_pixels(made: Array, pixel_range: tuple[float, float]) -> Images:
    """uint8 pictures of a generator's output, rounded to the nearest; what is out of range is black or white."""
    low, high = pixel_range
    scaled = (made.astype(np.float64) - low) * (255.0 / (high - low))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def grid(
    images: Images, *, columns: int, caption: str = "", rows: Sequence[str] = (), smallest: int = 48
) -> Image.Image:
    """One picture of many, row by row.

    images: uint8 (N, height, width, 1 or 3). Small ones are enlarged by a whole number, to at least `smallest` pixels,
    so that every pixel can be seen. `rows`: a name to the left of each row.
    """
    count, height, width, _ = images.shape
    zoom = max(1, -(-smallest // min(height, width)))
    lines = -(-count // columns)
    font = ImageFont.load_default(size=14)
    left = _MARGIN + (max(round(font.getlength(name)) for name in rows) + _MARGIN if rows else 0)
    top = _MARGIN + (22 if caption else 0)
    step_x, step_y = width * zoom + _GAP, height * zoom + _GAP
    sheet_width = left + columns * step_x - _GAP + _MARGIN
    if caption:
        sheet_width = max(sheet_width, 2 * _MARGIN + round(font.getlength(caption)))
    sheet = Image.new("RGB", (sheet_width, top + lines * step_y - _GAP + _MARGIN), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN - 2), caption, fill=_INK, font=font)
    for row, name in enumerate(rows):
        middle = top + row * step_y + step_y // 2
        pen.text((_MARGIN, middle), name, fill=_INK, font=font, anchor="lm")
    for number, pixels in enumerate(images):
        picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        enlarged = picture.resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
        sheet.paste(enlarged, (left + number % columns * step_x, top + number // columns * step_y))
    return sheet


def save_png(picture: Image.Image, path: Path) -> None:
    """Write a PNG file, whole or not at all.

    Raises:
        RunError: it cannot be written.
    """
    buffer = BytesIO()
    picture.save(buffer, format="PNG")
    write_whole(path, buffer.getvalue())
