"""The operations that losses, layers and optimizers are written over. Each framework implements them once."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

Tensor: TypeAlias = Any
"""A framework's own array. `+ - * /`, unary minus, comparisons, slicing and `.shape` work on it."""
Axes: TypeAlias = tuple[int, ...]
Size: TypeAlias = tuple[int, int]
"""(height, width)."""
Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""((top, bottom), (left, right)): zeros added by a convolution, rows and columns cropped by a transposed one."""
Number: TypeAlias = Any
"""A Python number, or a scalar tensor in a framework that traces its step."""


class Ops(Protocol):
    """Operations on tensors, all differentiable twice unless they say otherwise.

    Images are (batch, height, width, channels), vectors (batch, units), in every framework. Shapes are static: `.shape`
    holds integers. No operation changes its arguments. Arguments go
    by position.
    """

    # Element by element ---------------------------------------------------------------------------------------------

    def square(self, x: Tensor, /) -> Tensor:
        """x * x."""
        ...

    def sqrt(self, x: Tensor, /) -> Tensor:
        """Square root. The caller keeps x above 0."""
        ...

    def rsqrt(self, x: Tensor, /) -> Tensor:
        """1 / sqrt(x)."""
        ...

    def exp(self, x: Tensor, /) -> Tensor:
        """e to the power of x."""
        ...

    def expm1(self, x: Tensor, /) -> Tensor:
        """exp(x) - 1, exact near 0."""
        ...

    def log(self, x: Tensor, /) -> Tensor:
        """Natural logarithm."""
        ...

    def tanh(self, x: Tensor, /) -> Tensor:
        """Hyperbolic tangent."""
        ...

    def sigmoid(self, x: Tensor, /) -> Tensor:
        """1 / (1 + exp(-x)), exact for any x."""
        ...

    def softplus(self, x: Tensor, /) -> Tensor:
        """log(1 + exp(x)), exact for any x."""
        ...

    def erf(self, x: Tensor, /) -> Tensor:
        """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
        ...

    def relu(self, x: Tensor, /) -> Tensor:
        """max(x, 0), derivative 0 at 0."""
        ...

    def leaky_relu(self, x: Tensor, slope: float, /) -> Tensor:
        """x where x > 0, slope * x elsewhere, derivative `slope` at 0. The slope keeps the precision of x."""
        ...

    def minimum(self, x: Tensor, limit: float, /) -> Tensor:
        """The smaller of each element and `limit`."""
        ...

    def clip(self, x: Tensor, low: float, high: float, /) -> Tensor:
        """Each element limited to [low, high]."""
        ...

    def where(self, condition: Tensor, x: Tensor, y: Tensor | float, /) -> Tensor:
        """x where the condition holds, y elsewhere."""
        ...

    # Reductions -----------------------------------------------------------------------------------------------------

    def mean(self, x: Tensor, /) -> Tensor:
        """Mean over all elements of the whole batch, a scalar. With several workers: over the rows of all of them."""
        ...

    def mean_over(self, x: Tensor, axes: Axes, /) -> Tensor:
        """Mean over some axes, which are dropped; of this process's rows alone."""
        ...

    def sum_over(self, x: Tensor, axes: Axes, /) -> Tensor:
        """Sum over some axes, which are dropped; of this process's rows alone."""
        ...

    def max_over(self, x: Tensor, axes: Axes, /) -> Tensor:
        """Maximum over some axes, which are dropped; of this process's rows alone."""
        ...

    def sum_each(self, x: Tensor, /) -> Tensor:
        """Sum over all axes but the first: (batch, ...) -> (batch,)."""
        ...

    def softmax(self, x: Tensor, /) -> Tensor:
        """exp(x) over its sum along the last axis, exact for any x."""
        ...

    def log_softmax(self, x: Tensor, /) -> Tensor:
        """Logarithm of the softmax over the last axis."""
        ...

    # Products -------------------------------------------------------------------------------------------------------

    def matmul(self, a: Tensor, b: Tensor, bias: Tensor | None = None, /) -> Tensor:
        """(m, k), (k, n) -> (m, n), plus `bias`, (n,), in every row."""
        ...

    def matmul_each(self, a: Tensor, b: Tensor, /) -> Tensor:
        """(B, m, k), (B, k, n) -> (B, m, n): a product for every example."""
        ...

    def conv(
        self, x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Size, padding: Sides, groups: int = 1, /
    ) -> Tensor:
        """(B, H, W, in), (h, w, in / groups, out) -> (B, H', W', out): zeros added, then cross-correlation.

        Of several groups each takes its share of the input's channels, in order, to its share of the output's.
        """
        ...

    def conv_transpose(
        self, x: Tensor, kernel: Tensor, bias: Tensor | None, stride: Size, crop: Sides, size: Size, groups: int = 1
    ) -> Tensor:
        """(B, H, W, in), (h, w, out / groups, in) -> (B, *size, out): the gradient of `conv`, whole, then cropped."""
        ...

    # Windows and sizes ----------------------------------------------------------------------------------------------

    def mean_pool(self, x: Tensor, size: Size, stride: Size, padding: Sides, /) -> Tensor:
        """(B, H, W, c) -> (B, H', W', c): zeros added, then the mean of every window, zeros included."""
        ...

    def max_pool(self, x: Tensor, size: Size, stride: Size, padding: Sides, /) -> Tensor:
        """(B, H, W, c) -> (B, H', W', c): the largest number of every window, which has a pixel in it at least.

        What is added is never the largest; of equal numbers the first, row by row, has the derivative.
        """
        ...

    def repeat(self, x: Tensor, times: Size, /) -> Tensor:
        """(B, H, W, c) -> (B, H * times, W * times, c): every pixel so many times."""
        ...

    def bilinear(self, x: Tensor, size: Size, /) -> Tensor:
        """(B, H, W, c) -> (B, *size, c), not smaller: between pixels in proportion, as `Upsample` says."""
        ...

    # Shapes ---------------------------------------------------------------------------------------------------------

    def reshape(self, x: Tensor, shape: Sequence[int], /) -> Tensor:
        """The same elements in row-major order; one size may be -1."""
        ...

    def transpose(self, x: Tensor, order: Axes, /) -> Tensor:
        """The axes in another order."""
        ...

    def broadcast(self, x: Tensor, shape: Sequence[int], /) -> Tensor:
        """x repeated along axes of size 1."""
        ...

    def concat(self, tensors: Sequence[Tensor], axis: int, /) -> Tensor:
        """Tensors joined along an axis that exists."""
        ...

    def stack(self, tensors: Sequence[Tensor], /) -> Tensor:
        """Tensors of one shape along a new first axis."""
        ...

    def split(self, x: Tensor, sizes: Sequence[int], axis: int, /) -> Sequence[Tensor]:
        """The inverse of `concat`."""
        ...

    def pad(self, x: Tensor, sides: Sides, /) -> Tensor:
        """Zeros around the height and width of images."""
        ...

    def take(self, x: Tensor, indices: Sequence[int], axis: int, /) -> Tensor:
        """Slices of x at known places of one axis."""
        ...

    # Kinds of numbers -----------------------------------------------------------------------------------------------

    def like(self, x: Tensor, other: Tensor, /) -> Tensor:
        """x in the precision of `other`."""
        ...

    def zeros_like(self, x: Tensor, /) -> Tensor:
        """Zeros of x's shape and precision."""
        ...

    def ones(self, shape: Sequence[int], like: Tensor, /) -> Tensor:
        """Ones in the precision, and on the device, of `like`."""
        ...

    def arange(self, count: int, like: Tensor, /) -> Tensor:
        """0, 1, ..., count - 1 in the precision, and on the device, of `like`."""
        ...

    def one_hot(self, labels: Tensor, classes: int, like: Tensor, /) -> Tensor:
        """(B,) integers -> (B, classes) in the precision of `like`. A label out of range gives zeros."""
        ...

    def unstack(self, x: Tensor, /) -> Sequence[Number]:
        """The elements of a vector of numbers."""
        ...

    # Derivatives and randomness -------------------------------------------------------------------------------------

    def stop_gradient(self, x: Tensor, /) -> Tensor:
        """x as a constant."""
        ...

    def gradient(self, function: Callable[[Tensor], Tensor], at: Tensor, /) -> Tensor:
        """Gradient of sum(function(at)) with respect to `at`, itself differentiable: the shape of `at`."""
        ...

    def fold_in(self, key: Number, number: int, /) -> Number:
        """A new 32-bit key from a key and a number: `random_streams.hash32(key + number)`. Not differentiable."""
        ...

    def dropout_mask(
        self, key: Number, layer: int, shape: Sequence[int], rate: float, starts: tuple[int, ...], like: Tensor
    ) -> Tensor:
        """Which elements dropout keeps, as booleans of `shape`: `random_streams.dropout_mask`, in row-major order.

        `starts`: the elements are that many equal runs of the whole batch's elements, each beginning there.
        """
        ...
