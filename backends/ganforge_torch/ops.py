"""The core's operations in torch.

Images are (batch, height, width, channels) to the core. torch convolves views of them as (batch, channels, height,
width), which lie in memory as torch's `channels_last`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ganforge.backend import Collective
from ganforge.spec import dropped_below
from ganforge_torch.convolution import PLAIN, Convolutions, conv, conv_transpose

_torch: Any = torch  # of an operation with overloads, mypy would take one
_WORD = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class TorchOps:
    """See `ganforge.spec.Ops`."""

    replicas: Collective
    forms: Convolutions = PLAIN
    """How products and convolutions are computed."""

    square = staticmethod(_torch.square)
    sqrt = staticmethod(_torch.sqrt)
    rsqrt = staticmethod(_torch.rsqrt)
    exp = staticmethod(_torch.exp)
    expm1 = staticmethod(_torch.expm1)
    log = staticmethod(_torch.log)
    tanh = staticmethod(_torch.tanh)
    sigmoid = staticmethod(_torch.sigmoid)
    erf = staticmethod(_torch.erf)
    relu = staticmethod(F.relu)
    leaky_relu = staticmethod(F.leaky_relu)
    where = staticmethod(_torch.where)
    matmul_each = staticmethod(_torch.bmm)
    clip = staticmethod(_torch.clamp)
    stack = staticmethod(_torch.stack)
    concat = staticmethod(_torch.cat)
    zeros_like = staticmethod(_torch.zeros_like)
    mean_over = staticmethod(_torch.mean)
    sum_over = staticmethod(_torch.sum)
    max_over = staticmethod(_torch.amax)
    reshape = staticmethod(_torch.reshape)
    transpose = staticmethod(_torch.permute)
    broadcast = staticmethod(_torch.broadcast_to)

    def softplus(self, x: Tensor) -> Tensor:
        # Beyond the threshold torch takes x itself: exact from 40 on, where exp(-x) is 4e-18, not from its default, 20.
        return F.softplus(x, threshold=40.0)

    def minimum(self, x: Tensor, limit: float) -> Tensor:
        return x.clamp(max=limit)

    def mean(self, x: Tensor) -> Tensor:
        return self.replicas.mean(x.mean())

    def sum_each(self, x: Tensor) -> Tensor:
        return x.flatten(1).sum(1)

    def softmax(self, x: Tensor) -> Tensor:
        return F.softmax(x, dim=-1)

    def log_softmax(self, x: Tensor) -> Tensor:
        return F.log_softmax(x, dim=-1)

    def matmul(self, a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
        return self.forms.product(a, b, bias)

    def conv(
        self, x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Any, padding: Any, groups: int = 1
    ) -> Tensor:
        form = self.forms.conv if groups == 1 else partial(conv, groups=groups)
        return to_nhwc(form(to_nchw(x), to_oihw(kernel), bias, stride, padding))

    def conv_transpose(
        self, x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Any, crop: Any, size: Any, groups: int = 1
    ) -> Tensor:
        form = self.forms.conv_transpose if groups == 1 else partial(conv_transpose, groups=groups)
        return to_nhwc(form(to_nchw(x), to_oihw(kernel), bias, stride, crop, size))

    def mean_pool(self, x: Tensor, size: Any, stride: Any, padding: Any) -> Tensor:
        return to_nhwc(F.avg_pool2d(to_nchw(self._around(x, padding, 0.0)), size, stride))

    def max_pool(self, x: Tensor, size: Any, stride: Any, padding: Any) -> Tensor:
        return to_nhwc(F.max_pool2d(to_nchw(self._around(x, padding, -torch.inf)), size, stride))

    def repeat(self, x: Tensor, times: Any) -> Tensor:
        size = x.shape[1] * times[0], x.shape[2] * times[1]
        return to_nhwc(F.interpolate(to_nchw(x), size, mode="nearest"))

    def bilinear(self, x: Tensor, size: Any) -> Tensor:
        return to_nhwc(F.interpolate(to_nchw(x), size, mode="bilinear", align_corners=False))

    def split(self, x: Tensor, sizes: Sequence[int], axis: int) -> Sequence[Tensor]:
        return torch.split(x, list(sizes), axis)

    def pad(self, x: Tensor, sides: Any) -> Tensor:
        return self._around(x, sides, 0.0)

    def _around(self, x: Tensor, sides: Any, value: float) -> Tensor:
        (top, bottom), (left, right) = sides
        return F.pad(x, (0, 0, left, right, top, bottom), value=value) if any((*sides[0], *sides[1])) else x

    def take(self, x: Tensor, indices: Sequence[int], axis: int) -> Tensor:
        return x.index_select(axis, torch.tensor(list(indices), device=x.device))

    def like(self, x: Tensor, other: Tensor) -> Tensor:
        return x if x.dtype == other.dtype else x.to(other.dtype)

    def ones(self, shape: Sequence[int], like: Tensor) -> Tensor:
        return like.new_ones(tuple(shape))

    def arange(self, count: int, like: Tensor) -> Tensor:
        return torch.arange(count, dtype=like.dtype, device=like.device)

    def one_hot(self, labels: Tensor, classes: int, like: Tensor) -> Tensor:
        # Not torch's own, which looks at the labels on the host and so waits for the device.
        return (labels[:, None] == _numbers(classes, labels.device)).to(like.dtype)

    def unstack(self, x: Sequence[float]) -> Sequence[float]:
        return x

    def stop_gradient(self, x: Tensor) -> Tensor:
        return x.detach()

    def gradient(self, function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
        point = at if at.requires_grad else at.detach().requires_grad_()
        (found,) = torch.autograd.grad(function(point).sum(), point, create_graph=True)
        return found

    def fold_in(self, key: int, number: int) -> int:
        return _hash_word((key + number) & _WORD)

    def dropout_mask(
        self, key: int, layer: int, shape: Sequence[int], rate: float, starts: tuple[int, ...], like: Tensor
    ) -> Tensor:
        place = _hash_word((key + 0x9E3779B9 * (layer + 1)) & _WORD)
        count = torch.Size(shape).numel()
        run = torch.arange(count // len(starts), dtype=torch.int32, device=like.device)
        words = _hash(run if starts == (0,) else torch.cat([run + _signed(start & _WORD) for start in starts]))
        hashed = _hash(words.bitwise_xor_(_signed(place)))
        # Unsigned words compare as signed ones do once the highest bit of both is turned.
        kept = hashed.bitwise_xor_(_signed(1 << 31)) >= dropped_below(rate) - (1 << 31)
        return kept.view(tuple(shape))


def to_nchw(x: Tensor) -> Tensor:
    """Images as torch's own operations take them; vectors stay."""
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def to_nhwc(x: Tensor) -> Tensor:
    """The inverse of `to_nchw`."""
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


def to_oihw(kernel: Tensor) -> Tensor:
    """A convolution's kernel as torch takes it."""
    return kernel.permute(3, 2, 0, 1)


@cache
def _numbers(count: int, device: torch.device) -> Tensor:
    return torch.arange(count, device=device)


def _hash_word(word: int) -> int:
    """`ganforge.spec.random_streams.hash32` of one word."""
    word = ((word ^ (word >> 16)) * 0x85EBCA6B) & _WORD
    word = ((word ^ (word >> 13)) * 0xC2B2AE35) & _WORD
    return word ^ (word >> 16)


def _hash(words: Tensor) -> Tensor:
    """The same of every word, in place; 32-bit words held as signed integers, whose products wrap around alike."""
    words.bitwise_xor_(_shifted(words, 16)).mul_(_signed(0x85EBCA6B))
    words.bitwise_xor_(_shifted(words, 13)).mul_(_signed(0xC2B2AE35))
    return words.bitwise_xor_(_shifted(words, 16))


def _shifted(words: Tensor, bits: int) -> Tensor:
    """Shifted right with zeros moving in, where torch would move the sign in."""
    return (words >> bits).bitwise_and_(_WORD >> bits)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >= 1 << 31 else word
