"""Pixels and grids: every image in its place, none of its pixels changed."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ganforge.errors import RunError
from ganforge.generation.grids import grid, save_png, to_pixels

STREAM = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_to_pixels_undoes_what_a_image_becomes(low: float, dtype: type) -> None:
    """docs/semantics.md: x / 127.5 - 1, or x / 255."""
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    values = pixels.astype(dtype) / dtype(127.5) - dtype(1) if low else pixels.astype(dtype) / dtype(255)
    assert (to_pixels(values, (low, 1.0)) == pixels).all()


def test_to_pixels_rounds_and_clips() -> None:
    values = np.array([-9.0, -1.0, -0.9970, -0.9955, 0.9955, 1.0, 9.0]).reshape(1, 1, 7, 1)
    assert to_pixels(values, (-1.0, 1.0)).ravel().tolist() == [0, 0, 0, 1, 254, 255, 255]
    assert to_pixels(values, (-1.0, 1.0)).dtype == np.uint8


def tiles(sheet: Image.Image, count: int, columns: int, height: int, width: int, zoom: int) -> list[np.ndarray]:
    """Each image cut out again: margin 8, gap 4."""
    pixels = np.asarray(sheet)
    found = []
    for number in range(count):
        top = 8 + number // columns * (height * zoom + 4)
        left = 8 + number % columns * (width * zoom + 4)
        found.append(pixels[top : top + height * zoom : zoom, left : left + width * zoom : zoom])
    return found


@given(st.integers(1, 7), st.integers(1, 5), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))
def test_every_image_lies_in_its_place(count: int, columns: int, height: int, width: int, channels: int) -> None:
    images = STREAM.integers(0, 256, (count, height, width, channels), dtype=np.uint8)
    zoom = max(1, -(-48 // min(height, width)))
    sheet = grid(images, columns=columns)
    lines = -(-count // columns)
    assert sheet.size == (12 + columns * (width * zoom + 4), 12 + lines * (height * zoom + 4))
    for found, image in zip(tiles(sheet, count, columns, height, width, zoom), images, strict=True):
        assert (found == image).all()  # grey ones in all three colours


def test_small_images_are_enlarged_without_blur() -> None:
    image = np.array([[0, 255], [255, 0]], np.uint8).reshape(1, 2, 2, 1)
    tile = np.asarray(grid(image, columns=1, smallest=6))[8:14, 8:14, 0]
    assert tile.tolist() == [[0] * 3 + [255] * 3] * 3 + [[255] * 3 + [0] * 3] * 3


def test_names_and_caption_take_room_and_leave_the_images_whole() -> None:
    images = STREAM.integers(0, 256, (4, 48, 48, 1), dtype=np.uint8)
    plain, named = grid(images, columns=2), grid(images, columns=2, caption="step 500", rows=("low", "high"))
    assert named.size[0] > plain.size[0] and named.size[1] > plain.size[1]
    sheet = np.asarray(named)
    right, bottom = sheet[:-8, :-8][-100:, -100:], np.asarray(plain)[8:-8, 8:-8]
    assert (right == bottom).all()
    left_of_them = sheet[30:, : sheet.shape[1] - 108]
    assert (left_of_them > 200).any()  # ink
    assert (sheet[:28] > 200).any()


@pytest.mark.parametrize("text", ["", "a" * 300, "two\nlines", "日本 é"])
def test_any_text_can_be_written(text: str) -> None:
    images = np.zeros((2, 8, 8, 1), np.uint8)
    sheet = grid(images, columns=1, caption=text, rows=(text, text))
    assert sheet.mode == "RGB"


def test_a_long_caption_is_not_cut_off() -> None:
    sheet = np.asarray(grid(np.zeros((1, 8, 8, 1), np.uint8), columns=1, caption="m" * 60))
    assert (sheet[:, -8:] == sheet[0, 0]).all()
    assert (sheet[:26, 60:] > 200).any()


def test_save_png(tmp_path: Path) -> None:
    picture = grid(STREAM.integers(0, 256, (2, 9, 9, 3), dtype=np.uint8), columns=2)
    save_png(picture, tmp_path / "new" / "x.png")
    content = (tmp_path / "new" / "x.png").read_bytes()
    with Image.open(BytesIO(content)) as opened:
        assert opened.format == "PNG"
        assert (np.asarray(opened) == np.asarray(picture)).all()


def test_save_png_where_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        save_png(Image.new("L", (1, 1)), tmp_path / "file" / "x.png")
