"""Optimizers: settings as fields, the arrays each keeps, and one formula written over `Ops`.

Third parties add kinds with the hook `ganforge_optimizers()`; docs/write-an-optimizer.md shows one. Numbers that depend
on the step alone (rates, bias corrections) are computed on the host in float64, so that no framework rounds them
differently.
"""

from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import sqrt
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import msgspec

from ganforge.spec.layers.initializers import Positive
from ganforge.spec.ops import Number, Ops, Tensor
from ganforge.spec.schedules import Decay, Fraction, NotNegative, Rate, Schedule, check_decay, value_at


class Scale(NamedTuple):
    """The numbers of an update that depend on its count alone."""

    rate: Number
    """Factor of the step; Adam's includes its corrections."""
    root: Number
    """Adam: what sqrt(v) is divided by, before epsilon is added. Others: 1."""
    shrink: Number = 0.0
    """The fraction of a weight that decoupled weight decay takes away: learning rate * weight_decay."""
    kept: Number = 0.0
    """Adam with a schedule for beta2: beta2 in this update."""
    taken: Number = 0.0
    """And 1 - beta2, which float32 could not compute from it."""


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
    def learning_rate(self) -> float | Schedule:
        """Before any decay of the optimizer's own."""
        ...

    @property
    def clip(self) -> float | None:
        """Every element of a gradient is first clipped to [-clip, clip]."""
        ...

    def slots(self) -> tuple[str, ...]:
        """Names of the arrays kept for each trained parameter; all start at zero."""
        ...

    def scale(self, done: int) -> Scale:
        """Scale of the update that follows `done` earlier ones of the same network; Python floats.

        A schedule among the settings counts updates here (`Player.scale`).
        """
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

    learning_rate: Rate = 2e-4
    beta1: Fraction = 0.5
    beta2: Decay = 0.999
    epsilon: Positive = 1e-8
    epsilon_hat: bool = False
    """Whether epsilon is added to the uncorrected root: at the first update it then weighs thirty times as much."""
    rate_decay: NotNegative = 0.0
    """The rate of update t (from 0) is learning_rate / (1 + rate_decay * t)."""
    clip: Positive | None = None
    """Every element of a gradient is first clipped to [-clip, clip]."""
    weight_decay: NotNegative = 0.0
    """Decoupled (AdamW): p -= learning rate * weight_decay * p first, as in Loshchilov and Hutter 2019, algorithm 2."""

    def __post_init__(self) -> None:
        check_decay("beta2", self.beta2)

    def slots(self) -> tuple[str, ...]:
        """First and second moment."""
        return ("m", "v")

    def scale(self, done: int) -> Scale:
        """Rate and root with the bias corrections of update `done` + 1."""
        learning_rate, count = decayed(self.learning_rate, self.rate_decay, done), done + 1
        rate, root = learning_rate / (1.0 - self.beta1**count), sqrt(1.0 - _power(self.beta2, count))
        rate, root = (rate * root, 1.0) if self.epsilon_hat else (rate, root)
        beta2 = value_at(self.beta2, done)
        return Scale(rate, root, learning_rate * self.weight_decay, beta2, 1.0 - beta2)

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        """Both forms: in which of them epsilon stands, the scale says."""
        kept, taken = self.second(scale)
        m = self.beta1 * slots["m"] + (1.0 - self.beta1) * gradient
        v = kept * slots["v"] + taken * ops.square(gradient)
        step = scale.rate * m / (ops.sqrt(v) / scale.root + self.epsilon)
        return Updated(shrunk(self, weight, scale) - step, {"m": m, "v": v})

    def second(self, scale: Scale) -> tuple[Number, Number]:
        """beta2 and 1 - beta2 in an update: constants of a compiled step, or with a schedule numbers of the update."""
        return (scale.kept, scale.taken) if isinstance(self.beta2, Schedule) else (self.beta2, 1.0 - self.beta2)


class RMSprop(OptimizerSettings, frozen=True, kw_only=True, tag="rmsprop"):
    """v = rho v + (1 - rho) g^2; p -= rate * g / (sqrt(v) + epsilon), or / sqrt(v + epsilon) when it stands inside."""

    learning_rate: Rate
    rho: Fraction = 0.9
    epsilon: Positive = 1e-7
    epsilon_inside_sqrt: bool = False
    """PyTorch adds epsilon to the root, TensorFlow to what is under it: up to ten times another step."""
    rate_decay: NotNegative = 0.0
    clip: Positive | None = None
    weight_decay: NotNegative = 0.0

    def slots(self) -> tuple[str, ...]:
        """The mean square."""
        return ("v",)

    def scale(self, done: int) -> Scale:
        """The decayed rate."""
        rate = decayed(self.learning_rate, self.rate_decay, done)
        return Scale(rate, 1.0, rate * self.weight_decay)

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        """The formula above."""
        v = self.rho * slots["v"] + (1.0 - self.rho) * ops.square(gradient)
        root = ops.sqrt(v + self.epsilon) if self.epsilon_inside_sqrt else ops.sqrt(v) + self.epsilon
        return Updated(shrunk(self, weight, scale) - scale.rate * gradient / root, {"v": v})


class SGD(OptimizerSettings, frozen=True, kw_only=True, tag="sgd"):
    """b = momentum b + g; p -= rate * b. The rate stands outside the buffer, as in PyTorch."""

    learning_rate: Rate
    momentum: Fraction = 0.0
    rate_decay: NotNegative = 0.0
    clip: Positive | None = None
    weight_decay: NotNegative = 0.0

    def slots(self) -> tuple[str, ...]:
        """The buffer, where there is momentum."""
        return ("b",) if self.momentum else ()

    def scale(self, done: int) -> Scale:
        """The decayed rate."""
        rate = decayed(self.learning_rate, self.rate_decay, done)
        return Scale(rate, 1.0, rate * self.weight_decay)

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        """The formula above."""
        weight = shrunk(self, weight, scale)
        if not self.momentum:
            return Updated(weight - scale.rate * gradient, {})
        b = self.momentum * slots["b"] + gradient
        return Updated(weight - scale.rate * b, {"b": b})


OPTIMIZERS: tuple[type[Optimizer], ...] = (Adam, RMSprop, SGD)
"""The kinds that come with ganforge."""


def decayed(rate: float | Schedule, rate_decay: float, done: int) -> float:
    """The rate of the update that follows `done` earlier ones: rate / (1 + rate_decay * done)."""
    return value_at(rate, done) / (1.0 + rate_decay * done)


def shrunk(optimizer: Adam | RMSprop | SGD, weight: Tensor, scale: Scale) -> Tensor:
    """A weight after its decay."""
    return weight - scale.shrink * weight if optimizer.weight_decay else weight


_VANISHED = 2.0**-60
"""Taken from 1 it leaves 1."""


def _power(beta: float | Schedule, count: int) -> float:
    """The share of a moment's start after `count` updates: the product of their betas."""
    if not isinstance(beta, Schedule):
        return beta**count
    products = _products(beta, 1 << max(count.bit_length(), 12))
    return products[count - 1] if count <= len(products) else products[-1] * beta.end ** (count - len(products))


@lru_cache(maxsize=8)
def _products(beta: Schedule, most: int) -> Sequence[float]:
    """beta(0) * ... * beta(t), t from 0 until beta stays as it is, the product has vanished, or there are `most`.

    Without `most` a beta near 1 for very many steps would take for ever, in the first update.
    """
    found = array("d", [beta.at(0)])
    while len(found) < min(beta.warmup + beta.steps, most) and found[-1] >= _VANISHED:
        found.append(found[-1] * beta.at(len(found)))
    return found
