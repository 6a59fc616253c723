"""Read one image file as a photographer would expect to see it: upright, 8 bits, grey or RGB.

For data sets whose images lie in files. What is not a sound image is refused with a `DataError` that names it, from
the header alone where that is enough; nothing is ever allocated on the word of a header past `PIXEL_LIMIT`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from ganforge.data.contract import ImageFacts, Pixels
from ganforge.data.pixel_values import check_range, color_of, eight_bits
from ganforge.data.reading_settings import MEGAPIXELS, PLAIN_READING, Reading
from ganforge.errors import DataError

_SUFFIXES = {
    "AVIF": (".avif", ".avifs"),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "GIF": (".gif",),
    "HEIF": (".heic", ".heics", ".heif", ".heifs", ".hif"),
    "JPEG": (".jfif", ".jpe", ".jpeg", ".jpg", ".mpo"),
    "JPEG2000": (".j2c", ".j2k", ".jp2", ".jpc", ".jpf", ".jpx"),
    "PCX": (".pcx",),
    "PNG": (".apng", ".png"),
    "PPM": (".pbm", ".pgm", ".pnm", ".ppm"),
    "QOI": (".qoi",),
    "SGI": (".bw", ".rgb", ".rgba", ".sgi"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
"""Formats, by Pillow's names, and how the names of their files end, in lower case.

A closed list: Pillow also opens formats that run other programs (EPS), that cannot be told from noise (TGA), or that
are no still images.
"""

_UNREAD = (
    ".3fr .ai .arw .cr2 .cr3 .dds .dng .eps .exr .fits .hdr .ico .icns .jxl .jxr .kra .nef .orf .pef .psd .raf .raw "
    ".rw2 .svg .tga .wmf .xcf"
).split()
IMAGE_LIKE = frozenset(_UNREAD) | frozenset(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes)
"""Suffixes of images, those included that are not read here."""

_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"\xff\xd8\xff"),
    (0, b"GIF8"),
    (0, b"BM"),
    (0, b"II*\0"),
    (0, b"MM\0*"),
    (8, b"WEBP"),
    (4, b"ftypavif"),
    (4, b"ftypheic"),
    (4, b"ftypmif1"),
    (0, b"\0\0\0\x0cjP  "),
    (0, b"qoif"),
)
"""Where, and with what, the content of an image file begins."""

PIXEL_LIMIT = MEGAPIXELS * 1_000_000
"""Largest image that is read, in pixels, unless `Reading` says otherwise."""


@cache
def readable_suffixes() -> frozenset[str]:
    """Suffixes, in lower case, of the image files that can be read with what is installed."""
    return frozenset(suffix for form in _formats() for suffix in _SUFFIXES[form])


@cache
def _formats() -> tuple[str, ...]:
    found = [form for form in _SUFFIXES if form not in ("AVIF", "HEIF")]
    if features.check("avif"):
        found.append("AVIF")
    if find_spec("pillow_heif") is not None:
        import pillow_heif

        pillow_heif.register_heif_opener()
        found.append("HEIF")
    return tuple(found)


def looks_like_image(start: bytes) -> bool:
    """Whether a file that begins with these 16 bytes is an image, by its signature."""
    return any(start[at : at + len(mark)] == mark for at, mark in _SIGNATURES)


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


def read_image(source: Path | IO[bytes], where: str, reading: Reading = PLAIN_READING) -> Pixels:
    """The image in a file, upright: uint8 (height, width, 1 or 3).

    Of an animation the first frame; EXIF orientation is obeyed; grey of 16 bits is scaled to 8; transparent pixels show
    the background; palettes, CMYK and the rest become RGB by Pillow's conversion, without color management.

    Args:
        source: a path, or an open binary file that can seek and holds the image from its start.
        where: what to call the image in messages.
        reading: how it becomes 8 bits a channel.

    Raises:
        DataError: empty, no image, of too many pixels, cut short, damaged, or of a kind (floating point, 32 bits)
            whose white level is ambiguous and not given.
    """
    return _eight_bits(_load(source, where, reading), where, reading)


def image_facts(source: Path | IO[bytes], where: str, reading: Reading = PLAIN_READING) -> ImageFacts:
    """What an image file holds, from its header where that is enough; else as `read_image`, which it raises like."""
    with _image(source, where, reading) as image:
        deep = image.mode == "F" or image.mode.startswith("I")
        if deep:
            image.load()
        return ImageFacts(
            color=image.mode not in _GREY_MODES and not deep,
            transparent=image.mode in _ALPHA_MODES or "transparency" in image.info,
            deep=deep,
            highest=int(np.asarray(image).max()) if deep else 0,
        )


def pixels_of(image: Image.Image, where: str) -> Pixels:
    """An image of Pillow's as `read_image` would have read it: upright, uint8 (height, width, 1 or 3).

    Raises:
        DataError: it cannot be decoded, or its white level is ambiguous.
    """
    return _eight_bits(_upright(image), where)


def _load(source: Path | IO[bytes], where: str, reading: Reading) -> Image.Image:
    with _image(source, where, reading) as image:
        image.load()
        return _upright(image)


@contextmanager
def _image(source: Path | IO[bytes], where: str, reading: Reading) -> Iterator[Image.Image]:
    """An image whose header is read; all that goes wrong with it, here or in the block, is a `DataError`."""
    limit = PIXEL_LIMIT if reading.megapixels == MEGAPIXELS else reading.megapixels * 1_000_000
    try:
        with _opened(source) as file:
            if not file.read(1):
                raise DataError(f"{where}: the file is empty")
            file.seek(0)
            _allow(limit)
            with Image.open(file, formats=_formats()) as image:
                if image.width * image.height > limit:
                    raise DataError(_too_large(where, f"{image.width}x{image.height} pixels", limit))
                yield image
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(_too_large(where, str(error).partition(" exceeds")[0], limit)) from error
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: not an image in any format that is read ({', '.join(_formats())})") from error
    except Exception as error:  # Pillow's decoders answer damaged bytes with almost any exception
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{where}: cannot be read: {reason or type(error).__name__}") from error


def _allow(limit: int) -> None:
    """Have Pillow open images as large as we do. It has one limit for all its users, which is never lowered here."""
    if Image.MAX_IMAGE_PIXELS is not None and limit > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = limit


def _opened(source: Path | IO[bytes]) -> AbstractContextManager[IO[bytes]]:
    return source.open("rb") if isinstance(source, Path) else nullcontext(source)


def _too_large(where: str, size: str, limit: int) -> str:
    return (
        f"{where}: too large to be read safely: {size}; the limit is {limit:,} pixels. Scale it down, or raise "
        "the limit (--set data.megapixels=N)"
    )


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # damaged notes of the camera are no damage to the image
        orientation = 1
    method = _TURN_UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)


def _eight_bits(image: Image.Image, where: str, reading: Reading = PLAIN_READING) -> Pixels:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image, where, reading.value_range)
    wanted = "L" if image.mode in _GREY_MODES else "RGB"
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        color = color_of(reading.background, "data.background")
        if len(set(color)) > 1:
            wanted = "RGB"
        opaque = Image.new("RGBA", image.size, (*color, 255))
        image = Image.alpha_composite(opaque, _convert(image, "RGBA", where))
    values = np.asarray(_convert(image, wanted, where))
    return values[..., np.newaxis] if wanted == "L" else values


def _convert(image: Image.Image, mode: str, where: str) -> Image.Image:
    try:
        return image if image.mode == mode else image.convert(mode)
    except ValueError as error:
        raise DataError(f"{where}: pixels of the kind {image.mode!r} cannot be shown: {error}") from error


def _from_deep(image: Image.Image, where: str, value_range: tuple[float, float] | None) -> Pixels:
    """Grey of more than 8 bits, which Pillow holds as 16, as 32 or as floats; nothing is cut off on the way."""
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if value_range is not None:
        return eight_bits(values, check_range(value_range, low, high, where, "data.value_range"))[..., np.newaxis]
    if image.mode == "F" or low < 0 or high > 65535:
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise DataError(
            f"{where}: the white level of {kind} images is ambiguous. Save it with 8 or 16 bits, or give the values of "
            f"black and white, as --set 'data.value_range=[{low:g}, {high:g}]'"
        )
    table = ((np.arange(65536) * 255 + 32767) // 65535).astype(np.uint8)
    return np.take(table, values)[..., np.newaxis]  # by a table, since a large image of wide integers is larger still
