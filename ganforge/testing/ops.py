"""The `Ops` of ganforge.spec.losses over differentiable NumPy."""

from collections.abc import Callable
from dataclasses import dataclass

from ganforge.testing.differentiable import Tensor, elementwise_grad, np


@dataclass(frozen=True)
class NumpyOps:
    """See `ganforge.spec.losses.Ops`."""

    softplus: Callable[[Tensor], Tensor]

    def mean(self, x: Tensor) -> Tensor:
        """Mean over all elements."""
        return np.mean(x)

    def sum_each(self, x: Tensor) -> Tensor:
        """Sum over all axes but the first."""
        return np.sum(x, axis=tuple(range(1, x.ndim)))

    def square(self, x: Tensor) -> Tensor:
        """x * x."""
        return x * x

    def sqrt(self, x: Tensor) -> Tensor:
        """Square root."""
        return np.sqrt(x)

    def relu(self, x: Tensor) -> Tensor:
        """max(x, 0), derivative 0 at 0."""
        return np.where(x > 0, x, 0.0 * x)

    def log_softmax(self, x: Tensor) -> Tensor:
        """Over the last axis; the largest is subtracted first, so that nothing overflows."""
        shifted = x - np.max(x, axis=-1, keepdims=True)
        return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))

    def gradient(self, function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
        """Gradient of sum(function(at)) with respect to `at`."""
        return elementwise_grad(function)(at)
