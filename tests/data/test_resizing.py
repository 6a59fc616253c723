"""Bringing images to one shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganforge.data.resizing import fit_image
from ganforge.data.resizing_settings import Fit, Resizing
from ganforge.errors import DataError

SIDE = st.integers(1, 300)
FITS: tuple[Fit, ...] = ("cover", "resize_crop", "stretch", "pad")


@settings(max_examples=300)
@given(SIDE, SIDE, st.sampled_from([1, 3]), SIDE, SIDE, st.sampled_from([1, 3]), st.sampled_from(FITS))
def test_any_size_gives_exactly_the_shape(
    height: int, width: int, channels: int, new_height: int, new_width: int, new_channels: int, fit: Fit
) -> None:
    shape = (new_height, new_width, new_channels)
    grey = fit_image(np.full((height, width, channels), 77, np.uint8), shape, Resizing(fit=fit))
    assert grey.shape == shape and grey.dtype == np.uint8
    if fit != "pad":
        assert (grey == 77).all()


def bands(height: int, width: int) -> np.ndarray:
    """Three bands across the longer side: 0, 120, 240."""
    along = np.repeat(np.array([0, 120, 240], np.uint8), max(height, width) // 3)
    return np.broadcast_to(along[:, None] if height > width else along, (height, width))[..., None].copy()


@pytest.mark.parametrize(("height", "width"), [(90, 30), (30, 90)])
def test_cover_keeps_the_centre(height: int, width: int) -> None:
    fitted = fit_image(bands(height, width), (30, 30, 1))
    assert (fitted == 120).all()


def test_cover_without_scaling_is_an_exact_crop() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (97, 130, 3), np.uint8)
    np.testing.assert_array_equal(fit_image(noise, (97, 97, 3)), noise[:, 16:113])


def test_stretch_keeps_everything() -> None:
    fitted = fit_image(bands(90, 30), (30, 30, 1), Resizing(fit="stretch"))[..., 0]
    assert (fitted[:9] <= 1).all() and (fitted[12:18] == 120).all() and (fitted[21:] >= 239).all()


def test_pad_keeps_everything_on_black() -> None:
    fitted = fit_image(np.full((90, 30, 3), 200, np.uint8), (30, 30, 3), Resizing(fit="pad"))
    assert (fitted[:, 10:20] == 200).all()
    assert (fitted[:, :10] == 0).all() and (fitted[:, 20:] == 0).all()


@pytest.mark.parametrize("fit", FITS)
def test_a_crop_is_the_exact_centre_and_the_rest_does_not_count(fit: Fit) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (218, 178, 3), np.uint8)
    np.testing.assert_array_equal(
        fit_image(noise, (108, 108, 3), Resizing(fit=fit, crop=(108, 108))), noise[55:163, 35:143]
    )
    np.testing.assert_array_equal(
        fit_image(noise, (64, 64, 3), Resizing(fit=fit, crop=(100, 81))),
        fit_image(noise[59:159, 48:129], (64, 64, 3), Resizing(fit=fit)),
    )


def test_a_crop_of_all_of_it_changes_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 41, 1), np.uint8)
    np.testing.assert_array_equal(fit_image(noise, (30, 41, 1), Resizing(crop=(30, 41))), noise)


@pytest.mark.parametrize("crop", [(31, 20), (20, 42), (100, 100)])
def test_a_crop_larger_than_the_image_is_refused(crop: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=rf"30x41 pixels .*data\.crop = {crop[0]}x{crop[1]};"):
        fit_image(np.zeros((30, 41, 1), np.uint8), (8, 8, 1), Resizing(crop=crop))


def test_the_same_shape_is_left_alone() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (28, 28, 1), np.uint8)
    np.testing.assert_array_equal(fit_image(noise, (28, 28, 1)), noise)


def test_grey_by_luma_and_back() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    grey = fit_image(colours, (1, 4, 1))
    assert grey[0, :, 0].tolist() == [76, 150, 29, 255]
    np.testing.assert_array_equal(fit_image(grey, (1, 4, 3)), np.repeat(grey, 3, axis=2))


def test_shrinking_does_not_alias() -> None:
    """A checkerboard finer than the new grid becomes even grey; taking every fourth pixel would keep black or white."""
    board = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None]
    inner = fit_image(board, (64, 64, 1))[2:-2, 2:-2].astype(int)
    assert np.abs(inner - 127.5).max() <= 2


def test_enlarging_leaves_no_ghost_outline() -> None:
    """Two source pixels away from ink on black all stays black."""
    stroke = np.zeros((28, 28, 1), np.uint8)
    stroke[:, 13:15] = 255
    enlarged = fit_image(stroke, (112, 112, 1))
    assert enlarged[:, 54:58].min() > 200
    assert enlarged[:, : 11 * 4].max() == 0 and enlarged[:, 17 * 4 :].max() == 0
