"""Optimizers: settings as fields, the arrays each keeps, and one formula written over `Ops`.

Third parties add kinds with the hook `ganforge_optimizers()`; docs/write-an-optimizer.md shows one. Numbers that depend
on the step alone (rates, bias corrections) are computed on the host in float64, so that no framework rounds them
differently.
"""

from collections.abc import Mapping
from math import sqrt
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol, TypeAlias, runtime_checkable

import msgspec
from msgspec import Meta

from ganforge.spec.layers.initializers import Positive
from ganforge.spec.ops import Number, Ops, Tensor

Fraction: TypeAlias = Annotated[float, Meta(ge=0, lt=1)]
NotNegative: TypeAlias = Annotated[float, Meta(ge=0)]


class Scale(NamedTuple):
    """The two numbers of an update that depend on its count alone."""

    rate: Number
    """Factor of the step; Adam's includes its corrections."""
    root: Number
    """Adam: what sqrt(v) is divided by, before epsilon is added. Others: 1."""


class Updated(NamedTuple):
    """One array after an update."""

    weight: Tensor
    slots: Mapping[str, Tensor]


class OptimizerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """The base class of every optimizer: settings are read strictly, with the kind as the tag."""

    def reference(
        self: "Optimizer", ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale
    ) -> Updated:
        """What the backends are compared with: `update`, unless a kind writes it a second time in plain NumPy."""
        return self.update(ops, weight, gradient, slots, scale)


@runtime_checkable
class Optimizer(Protocol):
    """A kind of optimizer: an `OptimizerSettings` with these fields and methods.

    `ganforge.testing.check_optimizer` tells whether one keeps this contract.
    """

    __struct_config__: ClassVar[Any]
    __struct_fields__: ClassVar[tuple[str, ...]]

    @property
    def learning_rate(self) -> float:
        """Of the first update."""
        ...

    @property
    def clip(self) -> float | None:
        """Every element of a gradient is first clipped to [-clip, clip]."""
        ...

    def slots(self) -> tuple[str, ...]:
        """Names of the arrays kept for each trained parameter; all start at zero."""
        ...

    def scale(self, done: int) -> Scale:
        """Scale of the update that follows `done` earlier ones of the same network; Python floats."""
        ...

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        """One update of one array. `gradient` is clipped already; nothing is changed in place."""
        ...

    def reference(
        self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale
    ) -> Updated:
        """See `OptimizerSettings`."""
        ...


class Adam(OptimizerSettings, frozen=True, kw_only=True, tag="adam"):
    """p -= rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon): Kingma and Ba 2015, algorithm 1.

    With `epsilon_hat` the form at the end of its section 2, which is TensorFlow's and Keras's:
    p -= rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon).
    """

    learning_rate: Positive = 2e-4
    beta1: Fraction = 0.5
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    epsilon_hat: bool = False
    """Whether epsilon is added to the uncorrected root: at the first update it then weighs thirty times as much."""
    rate_decay: NotNegative = 0.0
    """The rate of update t (from 0) is learning_rate / (1 + rate_decay * t)."""
    clip: Positive | None = None
    """Every element of a gradient is first clipped to [-clip, clip]."""

    def slots(self) -> tuple[str, ...]:
        """First and second moment."""
        return ("m", "v")

    def scale(self, done: int) -> Scale:
        """Rate and root with the bias corrections of update `done` + 1."""
        rate, count = decayed(self.learning_rate, self.rate_decay, done), done + 1
        rate, root = rate / (1.0 - self.beta1**count), sqrt(1.0 - self.beta2**count)
        return Scale(rate * root, 1.0) if self.epsilon_hat else Scale(rate, root)

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        """Both forms: in which of them epsilon stands, the scale says."""
        m = self.beta1 * slots["m"] + (1.0 - self.beta1) * gradient
        v = self.beta2 * slots["v"] + (1.0 - self.beta2) * ops.square(gradient)
        step = scale.rate * m / (ops.sqrt(v) / scale.root + self.epsilon)
        return Updated(weight - step, {"m": m, "v": v})


class RMSprop(OptimizerSettings, frozen=True, kw_only=True, tag="rmsprop"):
    """v = rho v + (1 - rho) g^2; p -= rate * g / (sqrt(v) + epsilon), or / sqrt(v + epsilon) when it stands inside."""

    learning_rate: Positive
    rho: Fraction = 0.9
    epsilon: Positive = 1e-7
    epsilon_inside_sqrt: bool = False
    """PyTorch adds epsilon to the root, TensorFlow to what is under it: up to ten times another step."""
    rate_decay: NotNegative = 0.0
    clip: Positive | None = None

    def slots(self) -> tuple[str, ...]:
        """The mean square."""
        return ("v",)

    def scale(self, done: int) -> Scale:
        """The decayed rate."""
        return Scale(decayed(self.learning_rate, self.rate_decay, done), 1.0)

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        """The formula above."""
        v = self.rho * slots["v"] + (1.0 - self.rho) * ops.square(gradient)
        root = ops.sqrt(v + self.epsilon) if self.epsilon_inside_sqrt else ops.sqrt(v) + self.epsilon
        return Updated(weight - scale.rate * gradient / root, {"v": v})


class SGD(OptimizerSettings, frozen=True, kw_only=True, tag="sgd"):
    """b = momentum b + g; p -= rate * b. The rate stands outside the buffer, as in PyTorch."""

    learning_rate: Positive
    momentum: Fraction = 0.0
    rate_decay: NotNegative = 0.0
    clip: Positive | None = None

    def slots(self) -> tuple[str, ...]:
        """The buffer, where there is momentum."""
        return ("b",) if self.momentum else ()

    def scale(self, done: int) -> Scale:
        """The decayed rate."""
        return Scale(decayed(self.learning_rate, self.rate_decay, done), 1.0)

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        """The formula above."""
        if not self.momentum:
            return Updated(weight - scale.rate * gradient, {})
        b = self.momentum * slots["b"] + gradient
        return Updated(weight - scale.rate * b, {"b": b})


OPTIMIZERS: tuple[type[Optimizer], ...] = (Adam, RMSprop, SGD)
"""The kinds that come with ganforge."""


def decayed(rate: float, rate_decay: float, done: int) -> float:
    """The rate of the update that follows `done` earlier ones: rate / (1 + rate_decay * done)."""
    return rate / (1.0 + rate_decay * done)
