"""The core's operations over differentiable NumPy: what the reference runs a plugin's layers and losses with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy

from ganforge.spec.ops import Axes, Sides, Size
from ganforge.testing import convolution, definitions, windows
from ganforge.testing.differentiable import Tensor, elementwise_grad, erf, getval, np, take


@dataclass(frozen=True, kw_only=True)
class NumpyOps:
    """See `ganforge.spec.Ops`."""

    product: Callable[[Tensor, Tensor], Tensor] = np.dot
    """(..., in) times (in, out)."""
    softplus_of: Callable[[Tensor], Tensor] = definitions.softplus
    mask_of: Callable[[int, int, tuple[int, ...], float], Any] = definitions.dropout_mask
    """(key, number of the layer, shape, rate)."""
    key_of: Callable[[int, int], int] = definitions.pass_key
    constant_of: Callable[[Tensor], Tensor] = getval

    # Element by element

    def square(self, x: Tensor) -> Tensor:
        """x * x."""
        return x * x

    def sqrt(self, x: Tensor) -> Tensor:
        """Square root."""
        return np.sqrt(x)

    def rsqrt(self, x: Tensor) -> Tensor:
        """1 / sqrt(x)."""
        return 1.0 / np.sqrt(x)

    def exp(self, x: Tensor) -> Tensor:
        """e to the power of x."""
        return np.exp(x)

    def expm1(self, x: Tensor) -> Tensor:
        """exp(x) - 1."""
        return np.expm1(x)

    def log(self, x: Tensor) -> Tensor:
        """Natural logarithm."""
        return np.log(x)

    def tanh(self, x: Tensor) -> Tensor:
        """Hyperbolic tangent."""
        return np.tanh(x)

    def sigmoid(self, x: Tensor) -> Tensor:
        """1 / (1 + exp(-x)), by way of tanh, which does not overflow."""
        return 0.5 * (np.tanh(0.5 * x) + 1.0)

    def softplus(self, x: Tensor) -> Tensor:
        """log(1 + exp(x))."""
        return self.softplus_of(x)

    def erf(self, x: Tensor) -> Tensor:
        """The error function."""
        return erf(x)

    def relu(self, x: Tensor) -> Tensor:
        """max(x, 0), derivative 0 at 0."""
        return np.where(x > 0, x, 0.0 * x)

    def leaky_relu(self, x: Tensor, slope: float) -> Tensor:
        """x where x > 0, slope * x elsewhere."""
        return np.where(x > 0, x, slope * x)

    def minimum(self, x: Tensor, limit: float) -> Tensor:
        """The smaller of each element and `limit`, derivative 1 where they are equal."""
        return np.where(x <= limit, x, 0.0 * x + limit)

    def clip(self, x: Tensor, low: float, high: float) -> Tensor:
        """Each element limited to [low, high], derivative 1 at both ends."""
        return np.where((x >= low) & (x <= high), x, np.where(x < low, 0.0 * x + low, 0.0 * x + high))

    def where(self, condition: Tensor, x: Tensor, y: Tensor | float) -> Tensor:
        """x where the condition holds, y elsewhere, broadcast."""
        shape = numpy.broadcast_shapes(np.shape(condition), np.shape(x), np.shape(y))
        other = np.broadcast_to(y, shape) if np.ndim(y) else numpy.full(shape, y, getval(x).dtype)
        return np.where(condition, np.broadcast_to(x, shape), other)

    # Reductions

    def mean(self, x: Tensor) -> Tensor:
        """Mean over all elements."""
        return np.mean(x)

    def mean_over(self, x: Tensor, axes: Axes) -> Tensor:
        """Mean over some axes."""
        return np.mean(x, axis=tuple(axes))

    def sum_over(self, x: Tensor, axes: Axes) -> Tensor:
        """Sum over some axes."""
        return np.sum(x, axis=tuple(axes))

    def max_over(self, x: Tensor, axes: Axes) -> Tensor:
        """Maximum over some axes; equal ones share the derivative."""
        return np.max(x, axis=tuple(axes))

    def sum_each(self, x: Tensor) -> Tensor:
        """Sum over all axes but the first."""
        return np.sum(x, axis=tuple(range(1, x.ndim)))

    def softmax(self, x: Tensor) -> Tensor:
        """Over the last axis."""
        return np.exp(self.log_softmax(x))

    def log_softmax(self, x: Tensor) -> Tensor:
        """Over the last axis; the largest is subtracted first, so that nothing overflows."""
        shifted = x - np.max(x, axis=-1, keepdims=True)
        return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))

    # Products

    def matmul(self, a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
        """(m, k), (k, n) -> (m, n)."""
        return _biased(self.product(a, b), bias)

    def matmul_each(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, m, k), (B, k, n) -> (B, m, n)."""
        return np.matmul(a, b)

    def conv(
        self, x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Size, padding: Sides, groups: int = 1
    ) -> Tensor:
        """Cross-correlation."""
        return _biased(convolution.conv(x, kernel, stride, padding, self.product, groups), bias)

    def conv_transpose(
        self, x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Size, crop: Sides, size: Size, groups: int = 1
    ) -> Tensor:
        """The gradient of `conv`, cropped."""
        full = convolution.conv_transpose(x, kernel, stride, self.product, groups)
        return _biased(convolution.crop(full, crop), bias)

    # Windows and sizes

    def mean_pool(self, x: Tensor, size: Size, stride: Size, padding: Sides) -> Tensor:
        """Means of windows, zeros included."""
        return sum(windows.met(windows.around(x, padding, 0.0), size, stride)) / (size[0] * size[1])

    def max_pool(self, x: Tensor, size: Size, stride: Size, padding: Sides) -> Tensor:
        """The largest of every window, the first of equal ones."""
        return windows.first_largest(windows.met(windows.around(x, padding, -numpy.inf), size, stride))

    def repeat(self, x: Tensor, times: Size) -> Tensor:
        """Every pixel so many times."""
        return np.repeat(np.repeat(x, times[0], 1), times[1], 2)

    def bilinear(self, x: Tensor, size: Size) -> Tensor:
        """Between pixels in proportion."""
        return windows.between(windows.between(x, size[0], 1), size[1], 2)

    # Shapes

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """The same elements in row-major order."""
        return np.reshape(x, tuple(shape))

    def transpose(self, x: Tensor, order: Axes) -> Tensor:
        """The axes in another order."""
        return np.transpose(x, tuple(order))

    def broadcast(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """x repeated along axes of size 1."""
        return np.broadcast_to(x, tuple(shape))

    def concat(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """Tensors joined along an axis."""
        return np.concatenate(list(tensors), axis=axis)

    def stack(self, tensors: Sequence[Tensor]) -> Tensor:
        """Tensors along a new first axis."""
        return np.stack(list(tensors))

    def split(self, x: Tensor, sizes: Sequence[int], axis: int) -> Sequence[Tensor]:
        """The inverse of `concat`."""
        ends = numpy.cumsum(list(sizes))
        before = (slice(None),) * (axis % x.ndim)
        return [take(x, (*before, slice(int(end) - size, int(end)))) for end, size in zip(ends, sizes, strict=True)]

    def pad(self, x: Tensor, sides: Sides) -> Tensor:
        """Zeros around the height and width."""
        return convolution.pad(x, sides)

    def take(self, x: Tensor, indices: Sequence[int], axis: int) -> Tensor:
        """Slices of x; one may be taken several times."""
        return x[(slice(None),) * (axis % x.ndim) + (list(indices),)]

    # Kinds of numbers

    def like(self, x: Tensor, other: Tensor) -> Tensor:
        """x in the precision of `other`."""
        dtype = getval(other).dtype
        return x if getval(x).dtype == dtype else x.astype(dtype)

    def zeros_like(self, x: Tensor) -> Tensor:
        """Zeros."""
        return numpy.zeros(np.shape(x), getval(x).dtype)

    def ones(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Ones."""
        return numpy.ones(tuple(shape), getval(like).dtype)

    def arange(self, count: int, like: Tensor) -> Tensor:
        """0, 1, ..."""
        return numpy.arange(count, dtype=getval(like).dtype)

    def one_hot(self, labels: Tensor, classes: int, like: Tensor) -> Tensor:
        """(B,) -> (B, classes)."""
        return (labels[:, None] == numpy.arange(classes)).astype(getval(like).dtype)

    def unstack(self, x: Tensor) -> Sequence[Tensor]:
        """The elements of a vector."""
        return list(x)

    # Derivatives and randomness

    def stop_gradient(self, x: Tensor) -> Tensor:
        """x as a constant."""
        return self.constant_of(x)

    def gradient(self, function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
        """Gradient of sum(function(at)) with respect to `at`."""
        return elementwise_grad(function)(at)

    def fold_in(self, key: int, number: int) -> int:
        """A new key from a key and a number."""
        return self.key_of(key, number)

    def dropout_mask(
        self, key: int, layer: int, shape: Sequence[int], rate: float, starts: tuple[int, ...], like: Tensor
    ) -> Tensor:
        """Which elements dropout keeps."""
        if starts == (0,):
            return self.mask_of(key, layer, tuple(shape), rate)
        size = prod(shape) // len(starts)
        whole = self.mask_of(key, layer, (max(starts) + size,), rate)
        return numpy.concatenate([whole[start : start + size] for start in starts]).reshape(tuple(shape))


def _biased(x: Tensor, bias: Tensor | None) -> Tensor:
    return x if bias is None else x + bias


NUMPY_OPS = NumpyOps()
"""The reference's operations, to call a loss, a layer or an optimizer by hand with plain arrays."""
