"""The data set shapes: ganforge's own checks, and what it says of itself."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from ganforge_shapes import SHAPES, Options, open_shapes

from ganforge.errors import DataError
from ganforge.testing import check_dataset


def test_it_keeps_what_a_data_set_promises() -> None:
    check_dataset("shapes", options={"count": 12})


def test_a_image_is_the_same_however_many_there_are() -> None:
    few, many = open_shapes(None, Options(count=8)), open_shapes(None, Options(count=1000))
    assert (few.read(7) == many.read(7)).all()
    assert (few.read(7) != open_shapes(None, Options(count=8, seed=1)).read(7)).any()


def test_a_shape_has_the_area_of_its_class() -> None:
    shapes = open_shapes(None, Options(count=30, size=64))
    inked = np.array([(shapes.read(index).max(axis=2) > 128).sum() for index in range(30)])
    mean = [inked[label :: len(SHAPES)].mean() for label in range(len(SHAPES))]
    assert mean == sorted(mean, reverse=True)  # of the same radius a circle is the largest, a triangle the smallest


def test_a_path_and_a_image_too_small_are_refused() -> None:
    with pytest.raises(DataError, match="leave --data out"):
        open_shapes(Path("images"), Options())
    with pytest.raises(msgspec.ValidationError, match=">= 8"):
        msgspec.convert({"size": 7}, Options)
