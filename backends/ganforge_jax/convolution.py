"""Products and convolutions by XLA's own operations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import jax.numpy as jnp
from jax import Array, lax

from ganforge.spec import Sides

Size: TypeAlias = tuple[int, int]


def conv(x: Array, kernel: Array, stride: Size, padding: Sides, *, groups: int = 1) -> Array:
    """(B, H, W, in), (h, w, in / groups, out) -> (B, H', W', out)."""
    return lax.conv_general_dilated(
        x, kernel, stride, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups
    )


def conv_transpose(x: Array, kernel: Array, stride: Size, crop: Sides, size: Size, *, groups: int = 1) -> Array:
    """(B, H, W, in), (h, w, out / groups, in) -> (B, *size, out): the full result, then rows and columns cropped.

    Not by `lax.conv_transpose`, which does not flip the kernel as it is, and whose 'SAME' crops otherwise. A full
    result has `kernel - 1` zeros around its stretched input; what is cropped is as many zeros fewer.
    """
    sides = [(extent - 1 - low, extent - 1 - high) for extent, (low, high) in zip(kernel.shape[:2], crop, strict=True)]
    kernel = kernel[::-1, ::-1]
    if groups > 1:  # JAX has the groups among the outputs: (h, w, out, in / groups)
        height, width, filters, inputs = kernel.shape
        parts = jnp.reshape(kernel, (height, width, filters, groups, inputs // groups))
        kernel = jnp.reshape(jnp.moveaxis(parts, 3, 2), (height, width, groups * filters, inputs // groups))
    return lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        sides,
        lhs_dilation=stride,
        dimension_numbers=("NHWC", "HWOI", "NHWC"),
        feature_group_count=groups,
    )


@dataclass(frozen=True, kw_only=True)
class Convolutions:
    """One way of computing the three, without biases."""

    product: Callable[[Array, Array], Array] = jnp.matmul
    conv: Callable[[Array, Array, Size, Sides], Array] = conv
    conv_transpose: Callable[[Array, Array, Size, Sides, Size], Array] = conv_transpose


PLAIN = Convolutions()
