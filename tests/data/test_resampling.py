"""Filters and crops against Pillow, PyTorch and TensorFlow, on the same images."""

import numpy as np
import pytest
from PIL import Image

from ganforge.data.resizing import fit_image
from ganforge.data.resizing_settings import Filter, Fit, Resizing

NOISE = np.random.default_rng(0).integers(0, 256, (53, 41, 3), np.uint8)
SMOOTH = np.asarray(Image.fromarray(NOISE).resize((82, 106), Image.Resampling.BICUBIC))
GREYER = [pixels // 2 + 64 for pixels in (NOISE, SMOOTH)]
"""With room above and below: Pillow clips to 0 .. 255 after each of its two passes, the others once, at the end."""
SIZES = [(32, 32), (20, 27), (128, 96), (53, 82)]
FILTERS: tuple[Filter, ...] = ("nearest", "bilinear", "bicubic", "lanczos")
ANTIALIASED: tuple[Filter, ...] = ("bilinear", "bicubic", "lanczos")


def center_crop(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """By the formula of torchvision's `functional.center_crop`."""
    top, left = (round((pixels.shape[axis] - size[axis]) / 2.0) for axis in (0, 1))
    return pixels[top : top + size[0], left : left + size[1]]


def ours(pixels: np.ndarray, size: tuple[int, int], method: Filter, *, antialias: bool = True) -> np.ndarray:
    return fit_image(pixels, (*size, 3), Resizing(fit="stretch", filter=method, antialias=antialias)).astype(int)


@pytest.mark.parametrize("pixels", [NOISE, SMOOTH])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", FILTERS)
def test_pillow_exactly(pixels: np.ndarray, size: tuple[int, int], method: Filter) -> None:
    theirs = Image.fromarray(pixels).resize(size[::-1], Image.Resampling[method.upper()])
    np.testing.assert_array_equal(ours(pixels, size, method), np.asarray(theirs))


@pytest.mark.parametrize("pixels", GREYER)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("method", "antialias"), [("nearest", False), ("bilinear", True), ("bilinear", False), ("bicubic", True)]
)
def test_pytorch_to_a_grey_level(pixels: np.ndarray, size: tuple[int, int], method: Filter, antialias: bool) -> None:
    import torch

    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].double(),
        size,
        mode="nearest-exact" if method == "nearest" else method,
        antialias=antialias,
    )
    rounded = theirs[0].permute(1, 2, 0).numpy().clip(0, 255).round().astype(int)
    assert np.abs(ours(pixels, size, method, antialias=antialias) - rounded).max() <= (method != "nearest")


@pytest.mark.parametrize("pixels", GREYER)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("method", "antialias"),
    [("nearest", False), ("area", False), *((each, antialias) for each in ANTIALIASED for antialias in (True, False))],
)
def test_tensorflow_to_a_grey_level(pixels: np.ndarray, size: tuple[int, int], method: Filter, antialias: bool) -> None:
    import tensorflow as tf

    name = "lanczos3" if method == "lanczos" else method
    theirs = tf.image.resize(pixels.astype(np.float32), size, method=name, antialias=antialias).numpy()
    rounded = theirs.clip(0, 255).round().astype(int)
    assert np.abs(ours(pixels, size, method, antialias=antialias) - rounded).max() <= (method != "nearest")


def test_area_is_the_mean_of_what_a_pixel_covers() -> None:
    pixels = np.array([[[0], [100], [200]]], np.uint8)
    fitted = fit_image(pixels, (1, 2, 1), Resizing(fit="stretch", filter="area"))
    assert fitted.ravel().tolist() == [33, 167]  # (0 + 100 / 2) / 1.5 and (100 / 2 + 200) / 1.5
    blocks = fit_image(NOISE[:52, :40], (13, 10, 3), Resizing(filter="area"))
    means = NOISE[:52, :40].reshape(13, 4, 10, 4, 3).mean(axis=(1, 3))
    np.testing.assert_array_equal(blocks, np.floor(means + 0.5))


@pytest.mark.parametrize("method", ["area", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("fit", ["cover", "resize_crop", "stretch", "pad"])
def test_without_antialiasing_every_fit_keeps_its_shape_and_flat_images_flat(method: Filter, fit: Fit) -> None:
    settings = Resizing(fit=fit, filter=method, antialias=False, padding="#4d4d4d")
    for height, width in ((1, 1), (7, 300), (301, 5), (64, 33)):
        for shape in ((9, 9, 1), (16, 11, 3)):
            flat = fit_image(np.full((height, width, 3), 77, np.uint8), shape, settings)
            assert flat.shape == shape and (flat == 77).all()


@pytest.mark.parametrize("pixels", GREYER)
@pytest.mark.parametrize(("rows", "columns"), [(31, 20), (30, 41), (52, 40), (1, 1)])
def test_a_crop_is_that_of_torchvision_or_of_tensorflow(pixels: np.ndarray, rows: int, columns: int) -> None:
    import tensorflow as tf

    even = Resizing(crop=(rows, columns), crop_rounding="even")
    np.testing.assert_array_equal(fit_image(pixels, (rows, columns, 3), even), center_crop(pixels, (rows, columns)))
    np.testing.assert_array_equal(
        fit_image(pixels, (rows, columns, 3), Resizing(crop=(rows, columns))),
        tf.image.resize_with_crop_or_pad(pixels, rows, columns),
    )


@pytest.mark.parametrize("shape", [(218, 178), (178, 218), (64, 64), (64, 65), (33, 200), (50, 41)])
@pytest.mark.parametrize("size", [64, 31])
def test_resize_crop_is_torchvision_s_resize_and_center_crop(shape: tuple[int, int], size: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    short, long = sorted(shape)
    inner = (size, size * long // short) if shape[0] == short else (size * long // short, size)
    resized = np.asarray(Image.fromarray(pixels).resize(inner[::-1], Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(
        fit_image(pixels, (size, size, 3), Resizing(fit="resize_crop", filter="bilinear", crop_rounding="even")),
        center_crop(resized, (size, size)),
    )


def test_an_image_smaller_than_the_crop_is_kept_on_request() -> None:
    small = NOISE[:, :20]
    kept = fit_image(small, (30, 20, 3), Resizing(crop=(30, 30), crop_small="keep"))
    np.testing.assert_array_equal(kept, small[11:41])


def test_the_color_of_the_padding() -> None:
    fitted = fit_image(np.full((90, 30, 3), 200, np.uint8), (30, 30, 3), Resizing(fit="pad", padding="#ff8000"))
    assert (fitted[:, 10:20] == 200).all() and (fitted[:, :10] == (255, 128, 0)).all()
    grey = fit_image(np.full((90, 30, 1), 200, np.uint8), (30, 30, 1), Resizing(fit="pad", padding="white"))
    assert (grey[:, :10] == 255).all()
