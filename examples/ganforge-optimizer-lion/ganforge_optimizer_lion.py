"""The optimizer Lion (Chen et al. 2023), written once for every backend."""

from collections.abc import Iterable, Mapping

import numpy as np

from ganforge import hookimpl
from ganforge.spec import (
    Fraction,
    NotNegative,
    Ops,
    OptimizerEntry,
    OptimizerSettings,
    Positive,
    Scale,
    Tensor,
    Updated,
)


class Lion(OptimizerSettings, frozen=True, kw_only=True, tag="lion"):
    """p -= rate * (sign(beta1 m + (1 - beta1) g) + weight_decay p); m = beta2 m + (1 - beta2) g.

    Chen et al. 2023, *Symbolic discovery of optimization algorithms*, arXiv 2302.06675, algorithm 2. Every element
    moves by the same amount, so the rate is to be three to ten times smaller than Adam's (section 5).
    """

    learning_rate: Positive = 1e-4
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99
    weight_decay: NotNegative = 0.0
    clip: Positive | None = None
    """Every element of a gradient is first clipped to [-clip, clip]."""

    def slots(self) -> tuple[str, ...]:
        """The moving average of the gradients."""
        return ("m",)

    def scale(self, done: int) -> Scale:
        """The rate, the same for every update."""
        return Scale(self.learning_rate, 1.0)

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        """Algorithm 2."""
        mixed = self.beta1 * slots["m"] + (1.0 - self.beta1) * gradient
        one = ops.ones(mixed.shape, mixed)
        sign = ops.where(mixed > 0.0, one, ops.where(mixed < 0.0, -one, 0.0))
        m = self.beta2 * slots["m"] + (1.0 - self.beta2) * gradient
        return Updated(weight - scale.rate * (sign + self.weight_decay * weight), {"m": m})

    def reference(
        self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale
    ) -> Updated:
        """The algorithm once more, in NumPy."""
        m, g = slots["m"], gradient
        sign = np.sign(m * self.beta1 + g * (1.0 - self.beta1))
        weight = weight - scale.rate * sign - scale.rate * self.weight_decay * weight
        return Updated(weight, {"m": g + self.beta2 * (m - g)})


@hookimpl
def ganforge_optimizers() -> Iterable[OptimizerEntry]:
    """Lion."""
    yield OptimizerEntry(
        optimizer=Lion,
        summary="steps of one size, by the sign of a moving average (Chen et al. 2023, algorithm 2)",
        examples=(Lion(), Lion(learning_rate=1e-3, weight_decay=0.1, clip=0.05)),
    )
