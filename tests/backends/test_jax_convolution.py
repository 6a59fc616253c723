"""JAX's convolutions as matrix products are the same functions as XLA's own, with the same gradients of both orders."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from frameworks import need

jax = need("jax")

import jax.numpy as jnp
from ganforge_jax import convolution, cpu

Size = tuple[int, int]
Sides = tuple[Size, Size]

CASES = [
    # large size, kernel, stride, (low, high) of both axes
    pytest.param((8, 8), (4, 4), (2, 2), ((1, 1), (1, 1)), id="dcgan"),
    pytest.param((7, 9), (5, 5), (2, 2), ((1, 2), (1, 2)), id="odd"),
    pytest.param((14, 14), (5, 5), (2, 2), ((1, 2), (2, 1)), id="uneven"),
    pytest.param((9, 7), (3, 4), (3, 3), ((0, 2), (3, 0)), id="stride-3"),
    pytest.param((8, 6), (5, 3), (1, 1), ((2, 2), (1, 1)), id="stride-1"),
    pytest.param((7, 8), (2, 2), (2, 2), ((0, 0), (0, 0)), id="a-row-that-no-window-reaches"),
    pytest.param((7, 7), (3, 3), (2, 2), ((3, 3), (3, 3)), id="margin-as-wide-as-the-kernel"),
    pytest.param((4, 4), (4, 4), (1, 1), ((0, 0), (0, 0)), id="one-window"),
    pytest.param((8, 8), (4, 4), (2, 1), ((1, 1), (1, 2)), id="two-strides"),
    pytest.param((9, 9), (2, 2), (3, 3), ((0, 0), (0, 0)), id="gaps-between-windows"),
]


@pytest.fixture(autouse=True)
def _float64() -> Any:
    with jax.enable_x64(True):
        yield


def arrays(*shapes: Sequence[int]) -> list[Any]:
    stream = np.random.default_rng(3)
    return [jnp.asarray(stream.normal(size=shape)) for shape in shapes]


def derived(function: Callable[..., Any], given: list[Any]) -> list[np.ndarray]:
    """Values, gradients, and gradients of the gradients' squares."""
    every = tuple(range(len(given)))

    def weighted(*arguments: Any) -> Any:
        y = function(*arguments)
        return jnp.sum(y * y * jnp.linspace(-1.0, 1.0, y.size).reshape(y.shape))

    first = jax.grad(weighted, every)
    second = jax.grad(lambda *arguments: sum(jnp.sum(each**2) for each in first(*arguments)), every)
    found = jax.jit(lambda *arguments: [function(*arguments), *first(*arguments), *second(*arguments)])(*given)
    return [np.asarray(each) for each in found]


def agree(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, rtol=1e-11, atol=1e-11 * np.abs(theirs).max())


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_a_convolution_is_the_same_in_both_forms(size: Size, kernel: Size, stride: Size, padding: Sides) -> None:
    given = arrays((2, *size, 3), (*kernel, 3, 4))
    agree(
        derived(lambda x, k: cpu.conv(x, k, stride, padding), given),
        derived(lambda x, k: convolution.conv(x, k, stride, padding), given),
    )


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_a_transposed_convolution_is_the_same_in_both_forms(
    size: Size, kernel: Size, stride: Size, padding: Sides
) -> None:
    axes = list(zip(size, kernel, stride, padding, strict=True))
    small = [(extent + low + high - width) // step + 1 for extent, width, step, (low, high) in axes]
    whole = [(n - 1) * step + width for n, step, width in zip(small, stride, kernel, strict=True)]
    size = tuple(min(extent, reach - low) for extent, reach, (low, _) in zip(size, whole, padding, strict=True))
    crop = tuple((low, reach - low - extent) for extent, reach, (low, _) in zip(size, whole, padding, strict=True))
    given = arrays((2, *small, 4), (*kernel, 3, 4))
    agree(
        derived(lambda x, k: cpu.conv_transpose(x, k, stride, crop, size), given),
        derived(lambda x, k: convolution.conv_transpose(x, k, stride, crop, size), given),
    )


def test_a_transposed_convolution_is_the_gradient_of_one_cropped() -> None:
    """By definition, without a convolution; `lax.conv_transpose` with 'SAME' has the same shape and other numbers."""
    x, kernel = arrays((1, 3, 3, 2), (5, 5, 4, 2))
    full = np.zeros((1, 9, 9, 4))
    for row, column in np.ndindex(3, 3):
        full[0, 2 * row : 2 * row + 5, 2 * column : 2 * column + 5] += kernel @ x[0, row, column]
    found = convolution.conv_transpose(x, kernel, (2, 2), ((1, 2), (1, 2)), (6, 6))
    assert np.abs(found - full[:, 1:7, 1:7]).max() < 1e-13
    theirs = jax.lax.conv_transpose(x, kernel.transpose(0, 1, 3, 2), (2, 2), "SAME")
    assert theirs.shape == found.shape
    assert np.abs(found - theirs).max() > 0.1
