"""Reading image files: odd kinds are shown as a photographer expects, broken ones are refused by name."""

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganforge.data.image_files import PIXEL_LIMIT, read_image
from ganforge.errors import DataError

RAMP = np.linspace(0, 65535, 64).round().astype(np.uint16)


def colours() -> Image.Image:
    """48 wide, 32 high: smooth, so that JPEG keeps it; red grows to the right, green downwards."""
    x, y = np.meshgrid(np.linspace(0, 250, 48), np.linspace(0, 250, 32))
    return Image.fromarray(np.stack([x, y, 255 - x], axis=-1).astype(np.uint8))


def saved(image: Image.Image, form: str, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, form, **options)
    file.seek(0)
    return file


def png_of_size(width: int, height: int) -> bytes:
    """An RGB PNG that says it has that size, and holds next to no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10)))


@pytest.mark.parametrize("form", ["PNG", "BMP", "PPM", "TIFF", "GIF", "WEBP", "JPEG"])
def test_formats(form: str) -> None:
    image = read_image(saved(colours(), form), "x")
    assert image.shape == (32, 48, 3) and image.dtype == np.uint8
    off = np.abs(image.astype(int) - np.asarray(colours())).mean()
    assert off == 0 if form in ("PNG", "BMP", "PPM", "TIFF") else off < 12


def test_cmyk_becomes_rgb() -> None:
    image = read_image(saved(colours().convert("CMYK"), "JPEG", quality=95), "x")
    assert np.abs(image.astype(int) - np.asarray(colours())).mean() < 6


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_not_clipped(form: str) -> None:
    image = read_image(saved(Image.fromarray(np.tile(RAMP, (4, 1))), form), "x")
    assert image.shape == (4, 64, 1)
    np.testing.assert_array_equal(image[0, :, 0], np.round(RAMP / 257.0))


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_pixels_without_a_defined_white_are_refused(dtype: type) -> None:
    file = saved(Image.fromarray(np.full((4, 4), 1_000_000, dtype)), "TIFF")
    with pytest.raises(DataError, match=r"deep\.tif.*white level of"):
        read_image(file, "deep.tif")


def test_transparency_shows_white() -> None:
    clear_red = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    clear_red.putpixel((0, 0), (10, 20, 30, 255))
    clear_red.putpixel((1, 0), (0, 0, 0, 51))
    image = read_image(saved(clear_red, "PNG"), "x")
    assert image[0].tolist() == [[10, 20, 30], [204, 204, 204]]
    assert image[1].tolist() == [[255, 255, 255], [255, 255, 255]]


def test_transparent_palette_entry_shows_white() -> None:
    indexed = Image.new("P", (2, 1))
    indexed.putpalette([200, 0, 0, 0, 200, 0])
    indexed.putpixel((1, 0), 1)
    image = read_image(saved(indexed, "PNG", transparency=0), "x")
    assert image.tolist() == [[[255, 255, 255], [0, 200, 0]]]


def test_grey_with_alpha_stays_grey() -> None:
    image = read_image(saved(Image.new("LA", (1, 1), (0, 51)), "PNG"), "x")
    assert image.tolist() == [[[204]]]


def test_bilevel_becomes_black_and_white() -> None:
    assert read_image(saved(Image.new("1", (1, 1), 1), "PNG"), "x").tolist() == [[[255]]]


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    image = read_image(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), "x")
    assert image[0, 0].tolist() == [255, 0, 0]


# What each EXIF orientation means: how the upright image is had from the stored one.
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: np.transpose(stored, (1, 0, 2)),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(np.transpose(stored, (1, 0, 2)), 2),
    8: lambda stored: np.rot90(stored, 1),
    99: lambda stored: stored,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(saved(colours(), "PNG", exif=exif), "x")
    np.testing.assert_array_equal(image, UPRIGHT[orientation](np.asarray(colours())))


def test_damaged_exif_does_not_lose_the_image() -> None:
    image = read_image(saved(colours(), "PNG", exif=b"Exif\x00\x00nonsense"), "x")
    np.testing.assert_array_equal(image, np.asarray(colours()))


def test_a_bomb_is_refused_from_its_header() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"bomb\.png.*3600000000 pixels.*80,000,000"):
            read_image(io.BytesIO(png_of_size(60_000, 60_000)), "bomb.png")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_one_pixel_row_past_the_limit_is_refused() -> None:
    width = 10_000
    with pytest.raises(DataError, match="10000x8001 pixels"):
        read_image(io.BytesIO(png_of_size(width, PIXEL_LIMIT // width + 1)), "x")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"])
def test_truncated(form: str) -> None:
    whole = saved(colours(), form).getvalue()
    with pytest.raises(DataError, match=r"^cut\.file: "):
        read_image(io.BytesIO(whole[: len(whole) * 55 // 100]), "cut.file")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"no image, just text\n", "not an image")],
)
def test_no_image(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "named.png"
    file.write_bytes(content)
    with pytest.raises(DataError, match=rf"^named\.png: .*{reason}"):
        read_image(file, "named.png")


def test_postscript_is_not_run() -> None:
    """Pillow would hand it to Ghostscript, a program for programs."""
    with pytest.raises(DataError, match="not an image in any format"):
        read_image(saved(colours(), "EPS"), "x")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: cannot be read: No such file"):
        read_image(tmp_path / "gone.png", "gone.png")


@settings(max_examples=150)
@given(st.data())
def test_damaged_bytes_give_a_image_or_a_data_error(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "PPM"]))
    content = bytearray(saved(colours(), form).getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = read_image(io.BytesIO(content), "damaged")
    except DataError as error:
        assert str(error).startswith("damaged: ")
    else:
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] in (1, 3)


class TestSharedFaults:
    """The same on files made elsewhere."""

    @pytest.mark.parametrize(
        ("name", "shape"),
        [
            ("good.png", (96, 96, 3)),
            ("cmyk.jpg", (96, 96, 3)),
            ("gray16.png", (96, 96, 1)),
            ("palette_transparent.png", (96, 96, 3)),
            ("rgba.png", (96, 96, 3)),
            ("animated.gif", (96, 96, 3)),
            ("exif_orientation6.jpg", (64, 96, 3)),
            ("one_by_one.png", (1, 1, 3)),
        ],
    )
    def test_read(self, shared_data: Path, name: str, shape: tuple[int, ...]) -> None:
        assert read_image(shared_data / "faults" / name, name).shape == shape

    @pytest.mark.parametrize("name", ["truncated.jpg", "bomb_60000x60000.png", "zero_byte.jpg", "text_named.png"])
    def test_refused(self, shared_data: Path, name: str) -> None:
        with pytest.raises(DataError, match=f"^{name}: "):
            read_image(shared_data / "faults" / name, name)

    def test_what_they_show(self, shared_data: Path) -> None:
        faults = shared_data / "faults"
        ramp = read_image(faults / "gray16.png", "x")[0, :, 0].astype(int)
        assert ramp[0] == 0 and ramp[-1] == 255 and np.ptp(np.diff(ramp)) <= 1
        upright = read_image(faults / "exif_orientation6.jpg", "x").astype(int)
        assert upright[4, 4].min() > 200  # the white block, top left
        assert upright[10, 80, 0] > 180 > 80 > upright[10, 80, 2]  # red above
        assert upright[54, 48, 2] > 180 > 80 > upright[54, 48, 0]  # blue below
        assert read_image(faults / "rgba.png", "x")[0, 0].tolist() == [255, 255, 255]
        good = read_image(faults / "good.png", "x").astype(int)
        assert np.abs(read_image(faults / "cmyk.jpg", "x") - good).mean() < 10
