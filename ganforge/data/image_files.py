"""Read one picture file as a photographer would expect to see it: upright, 8 bits, grey or RGB.

For data sets whose pictures lie in files. What is not a sound picture is refused with a `DataError` that names it, from
the header alone where that is enough; nothing is ever allocated on the word of a header past `PIXEL_LIMIT`.
"""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from ganforge.data.contract import Pixels
from ganforge.errors import DataError

# A closed list: Pillow also opens formats that run other programs (EPS) or that are no still pictures.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are read, by Pillow's names."""

SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""How the names of such files end, in lower case."""

# Below the 89 million at which Pillow starts to warn, so that the one message that a user sees is ours.
PIXEL_LIMIT = 80_000_000
"""Largest picture that is read, in pixels."""

BACKGROUND = (255, 255, 255, 255)
"""What shows through transparent pixels: white, the page for which drawings and cut-outs are mostly made."""

_EXIF_ORIENTATION = 0x0112
_TURN_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})


def read_image(source: Path | IO[bytes], where: str) -> Pixels:
    """The picture in a file, upright: uint8 (height, width, 1 or 3).

    Of an animation the first frame; EXIF orientation is obeyed; 16-bit grey is scaled to 8 bits; transparent pixels
    show white; palettes, CMYK and the rest become RGB by Pillow's conversion, without colour management.

    Args:
        source: a path, or an open binary file that can seek and holds the picture from its start.
        where: what to call the picture in messages.

    Raises:
        DataError: empty, no picture, of more than `PIXEL_LIMIT` pixels, cut short, damaged, or of a kind (floating
            point, 32 bits) whose white level is ambiguous.
    """
    return _eight_bits(_load(source, where), where)


def pixels_of(image: Image.Image, where: str) -> Pixels:
    """An image of Pillow's as `read_image` would have read it: upright, uint8 (height, width, 1 or 3).

    Raises:
        DataError: it cannot be decoded, or its white level is ambiguous.
    """
    return _eight_bits(_upright(image), where)


def _load(source: Path | IO[bytes], where: str) -> Image.Image:
    try:
        with _opened(source) as file:
            if not file.read(1):
                raise DataError(f"{where}: the file is empty")
            with Image.open(file, formats=FORMATS) as picture:
                if picture.width * picture.height > PIXEL_LIMIT:
                    raise DataError(_too_large(where, f"{picture.width}x{picture.height} pixels"))
                picture.load()
                return _upright(picture)
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(_too_large(where, str(error).partition(" exceeds")[0])) from error
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: not a picture in any format that is read ({', '.join(FORMATS)})") from error
    except Exception as error:  # Pillow's decoders answer damaged bytes with almost any exception
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{where}: cannot be read: {reason or type(error).__name__}") from error


def _opened(source: Path | IO[bytes]) -> AbstractContextManager[IO[bytes]]:
    return source.open("rb") if isinstance(source, Path) else nullcontext(source)


def _too_large(where: str, size: str) -> str:
    return f"{where}: too large to be read safely: {size}; the limit is {PIXEL_LIMIT:,} pixels. Scale it down"


def _upright(picture: Image.Image) -> Image.Image:
    try:
        orientation = picture.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # damaged notes of the camera are no damage to the picture
        orientation = 1
    method = _TURN_UPRIGHT.get(orientation)
    return picture if method is None else picture.transpose(method)


def _eight_bits(picture: Image.Image, where: str) -> Pixels:
    if picture.mode.startswith("I"):
        return _from_sixteen_bits(picture, where)
    if picture.mode == "F":
        raise DataError(
            f"{where}: floating-point images are not supported: their white level is ambiguous. "
            "Save it with 8 or 16 bits"
        )
    wanted = "L" if picture.mode in _GREY_MODES else "RGB"
    if picture.mode in _ALPHA_MODES or "transparency" in picture.info:
        opaque = Image.new("RGBA", picture.size, BACKGROUND)
        picture = Image.alpha_composite(opaque, _convert(picture, "RGBA", where))
    values = np.asarray(_convert(picture, wanted, where))
    return values[..., np.newaxis] if wanted == "L" else values


def _convert(picture: Image.Image, mode: str, where: str) -> Image.Image:
    try:
        return picture if picture.mode == mode else picture.convert(mode)
    except ValueError as error:
        raise DataError(f"{where}: pixels of the kind {picture.mode!r} cannot be shown: {error}") from error


def _from_sixteen_bits(picture: Image.Image, where: str) -> Pixels:
    """Grey of 16 bits, which Pillow holds as 16 or as 32: 65535 becomes 255, and nothing is cut off on the way."""
    values = np.asarray(picture)
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"{where}: 32-bit images are not supported: their white level is ambiguous. Save it with 8 or 16 bits"
        )
    table = ((np.arange(65536) * 255 + 32767) // 65535).astype(np.uint8)
    return np.take(table, values)[..., np.newaxis]  # by a table, since a large picture of wide integers is larger still
