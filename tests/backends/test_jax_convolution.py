"""JAX's transposed convolution by its definition, and the trap beside it."""

from typing import Any

import numpy as np
import pytest
from frameworks import need

jax = need("jax")

import jax.numpy as jnp
from ganforge_jax import convolution


@pytest.fixture(autouse=True)
def _float64() -> Any:
    with jax.enable_x64(True):
        yield


def test_a_transposed_convolution_is_the_gradient_of_one_cropped() -> None:
    """Without a convolution; `lax.conv_transpose` with 'SAME' has the same shape and other numbers."""
    stream = np.random.default_rng(3)
    x, kernel = (jnp.asarray(stream.normal(size=shape)) for shape in ((1, 3, 3, 2), (5, 5, 4, 2)))
    full = np.zeros((1, 9, 9, 4))
    for row, column in np.ndindex(3, 3):
        full[0, 2 * row : 2 * row + 5, 2 * column : 2 * column + 5] += kernel @ x[0, row, column]
    found = convolution.conv_transpose(x, kernel, (2, 2), ((1, 2), (1, 2)), (6, 6))
    assert np.abs(found - full[:, 1:7, 1:7]).max() < 1e-13
    theirs = jax.lax.conv_transpose(x, kernel.transpose(0, 1, 3, 2), (2, 2), "SAME")
    assert theirs.shape == found.shape
    assert np.abs(found - theirs).max() > 0.1
