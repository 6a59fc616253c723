"""The core's operations in JAX. Its layouts are the core's own, so nothing is ever transposed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from ganforge.backend import Collective
from ganforge.spec import bilinear_shares as shares
from ganforge.spec import dropped_below
from ganforge_jax.convolution import PLAIN, Convolutions, conv, conv_transpose

_jnp: Any = jnp  # whose operations take more than the protocol's arguments do


@dataclass(frozen=True, kw_only=True)
class JaxOps:
    """See `ganforge.spec.Ops`."""

    replicas: Collective
    forms: Convolutions = PLAIN
    """How products and convolutions are computed."""

    square = staticmethod(_jnp.square)
    sqrt = staticmethod(_jnp.sqrt)
    rsqrt = staticmethod(lax.rsqrt)
    exp = staticmethod(_jnp.exp)
    expm1 = staticmethod(_jnp.expm1)
    log = staticmethod(_jnp.log)
    tanh = staticmethod(_jnp.tanh)
    sigmoid = staticmethod(jax.nn.sigmoid)
    softplus = staticmethod(jax.nn.softplus)
    erf = staticmethod(lax.erf)
    relu = staticmethod(jax.nn.relu)
    where = staticmethod(_jnp.where)
    stack = staticmethod(_jnp.stack)
    unstack = staticmethod(_jnp.unstack)
    concat = staticmethod(_jnp.concatenate)
    zeros_like = staticmethod(_jnp.zeros_like)
    mean_over = staticmethod(_jnp.mean)
    sum_over = staticmethod(_jnp.sum)
    max_over = staticmethod(_jnp.max)
    reshape = staticmethod(_jnp.reshape)
    transpose = staticmethod(_jnp.transpose)
    broadcast = staticmethod(_jnp.broadcast_to)
    softmax = staticmethod(jax.nn.softmax)
    matmul_each = staticmethod(_jnp.matmul)
    log_softmax = staticmethod(jax.nn.log_softmax)
    stop_gradient = staticmethod(lax.stop_gradient)

    def leaky_relu(self, x: Array, slope: float) -> Array:
        # JAX's own has the derivative 1 at 0.
        return jnp.where(x > 0, x, slope * x)

    # The derivative of jnp.minimum and jnp.clip at the limit is a half.

    def minimum(self, x: Array, limit: float) -> Array:
        return jnp.where(x > limit, limit, x)

    def clip(self, x: Array, low: float, high: float) -> Array:
        return jnp.where(x < low, low, self.minimum(x, high))

    def mean(self, x: Array) -> Array:
        return self.replicas.mean(jnp.mean(x))

    def sum_each(self, x: Array) -> Array:
        return jnp.sum(x, axis=range(1, x.ndim))

    def matmul(self, a: Array, b: Array, bias: Array | None = None) -> Array:
        return _biased(self.forms.product(a, b), bias)

    def conv(self, x: Array, kernel: Array, bias: Array | None, stride: Any, padding: Any, groups: int = 1) -> Array:
        form = self.forms.conv if groups == 1 else partial(conv, groups=groups)
        return _biased(form(x, kernel, stride, padding), bias)

    def conv_transpose(
        self, x: Array, kernel: Array, bias: Array | None, stride: Any, crop: Any, size: Any, groups: int = 1
    ) -> Array:
        form = self.forms.conv_transpose if groups == 1 else partial(conv_transpose, groups=groups)
        return _biased(form(x, kernel, stride, crop, size), bias)

    def mean_pool(self, x: Array, size: Any, stride: Any, padding: Any) -> Array:
        batch, height, width, channels = x.shape
        if size == stride and not any((*padding[0], *padding[1], height % size[0], width % size[1])):
            windows = (batch, height // size[0], size[0], width // size[1], size[1], channels)
            return jnp.mean(jnp.reshape(x, windows), (2, 4))
        sides = ((0, 0), *padding, (0, 0))
        sums = lax.reduce_window(x, x.dtype.type(0), lax.add, (1, *size, 1), (1, *stride, 1), sides)
        return sums / (size[0] * size[1])

    def max_pool(self, x: Array, size: Any, stride: Any, padding: Any) -> Array:
        sides = ((0, 0), *padding, (0, 0))
        return lax.reduce_window(x, x.dtype.type(-jnp.inf), lax.max, (1, *size, 1), (1, *stride, 1), sides)

    def repeat(self, x: Array, times: Any) -> Array:
        batch, height, width, channels = x.shape
        spread = jnp.broadcast_to(x[:, :, None, :, None], (batch, height, times[0], width, times[1], channels))
        return jnp.reshape(spread, (batch, height * times[0], width * times[1], channels))

    def bilinear(self, x: Array, size: Any) -> Array:
        rows, columns = (
            jnp.asarray(shares(small, big), x.dtype) for small, big in zip(x.shape[1:3], size, strict=True)
        )
        return jnp.einsum("rh,bhwc,sw->brsc", rows, x, columns)

    def split(self, x: Array, sizes: Sequence[int], axis: int) -> Sequence[Array]:
        return jnp.split(x, list(accumulate(sizes))[:-1], axis)

    def pad(self, x: Array, sides: Any) -> Array:
        return jnp.pad(x, ((0, 0), *sides, (0, 0)))

    def take(self, x: Array, indices: Sequence[int], axis: int) -> Array:
        return jnp.take(x, jnp.array(list(indices)), axis)

    def like(self, x: Array, other: Array) -> Array:
        return x.astype(other.dtype)

    def ones(self, shape: Sequence[int], like: Array) -> Array:
        return jnp.ones(tuple(shape), like.dtype)

    def arange(self, count: int, like: Array) -> Array:
        return jnp.arange(count, dtype=like.dtype)

    def one_hot(self, labels: Array, classes: int, like: Array) -> Array:
        return jax.nn.one_hot(labels, classes, dtype=like.dtype)

    def gradient(self, function: Callable[[Array], Array], at: Array) -> Array:
        return jax.grad(lambda x: function(x).sum())(at)

    def fold_in(self, key: Array, number: int) -> Array:
        return _hash(key + jnp.uint32(number))

    def dropout_mask(
        self, key: Array, layer: int, shape: Sequence[int], rate: float, starts: tuple[int, ...], like: Array
    ) -> Array:
        place = _hash(key + jnp.uint32(0x9E3779B9 * (layer + 1) & 0xFFFFFFFF))
        run = jnp.arange(prod(shape) // len(starts), dtype=jnp.uint32)
        positions = jnp.concatenate([run + jnp.uint32(start & 0xFFFFFFFF) for start in starts])
        return (_hash(_hash(positions) ^ place) >= jnp.uint32(dropped_below(rate))).reshape(tuple(shape))


def _biased(x: Array, bias: Array | None) -> Array:
    return x if bias is None else x + bias


def _hash(words: Array) -> Array:
    """`ganforge.spec.random_streams.hash32` of uint32 words; products wrap around by themselves."""
    words = (words ^ (words >> 16)) * jnp.uint32(0x85EBCA6B)
    words = (words ^ (words >> 13)) * jnp.uint32(0xC2B2AE35)
    return words ^ (words >> 16)
