"""What training is: losses by name, optimizers, order and number of updates, noise, averaging. All of it data.

Every number that depends on the step alone (rates, bias corrections, averaging weights) is computed here in float64, on
the host, so that no two frameworks can round it differently.
"""

from math import sqrt
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from ganforge.spec.layers import Count, Positive

Fraction: TypeAlias = Annotated[float, Meta(ge=0, lt=1)]
Proportion: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
NotNegative: TypeAlias = Annotated[float, Meta(ge=0)]


class _Fields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Only the settings that make a table of a recipe strict."""


# Optimizers ----------------------------------------------------------------------------------------------------------


class Adam(_Fields, frozen=True, kw_only=True, tag_field="kind", tag="adam"):
    """p -= rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon): the paper's form, epsilon outside.

    Kingma and Ba 2015, algorithm 1. TensorFlow's `epsilon` is another quantity ("epsilon hat", end of section 2).
    """

    rate: Positive = 2e-4
    beta1: Fraction = 0.5
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    rate_decay: NotNegative = 0.0
    """The rate of update t (from 0) is rate / (1 + rate_decay * t)."""
    clip: Positive | None = None
    """Every element of a gradient is first clipped to [-clip, clip]."""


class RMSprop(_Fields, frozen=True, kw_only=True, tag_field="kind", tag="rmsprop"):
    """v = rho v + (1 - rho) g^2; p -= rate * g / (sqrt(v) + epsilon), or / sqrt(v + epsilon) when it stands inside."""

    rate: Positive
    rho: Fraction = 0.9
    epsilon: Positive = 1e-7
    epsilon_inside_sqrt: bool = False
    """PyTorch adds epsilon to the root, TensorFlow to what is under it: up to ten times another step."""
    rate_decay: NotNegative = 0.0
    clip: Positive | None = None


class SGD(_Fields, frozen=True, kw_only=True, tag_field="kind", tag="sgd"):
    """b = momentum b + g; p -= rate * b. The rate stands outside the buffer, as in PyTorch."""

    rate: Positive
    momentum: Fraction = 0.0
    rate_decay: NotNegative = 0.0
    clip: Positive | None = None


Optimizer: TypeAlias = Adam | RMSprop | SGD


def slots(optimizer: Optimizer) -> tuple[str, ...]:
    """Names of the arrays that the optimizer keeps for each trained parameter; all start at zero."""
    match optimizer:
        case Adam():
            return ("m", "v")
        case RMSprop():
            return ("v",)
        case SGD():
            return ("b",) if optimizer.momentum else ()


class Scale(NamedTuple):
    """The two numbers of an update that depend on its number alone."""

    rate: float
    """Factor of the step; Adam's includes 1 / (1 - beta1^t)."""
    root: float
    """Adam: sqrt(1 - beta2^t), by which sqrt(v) is divided. Others: 1."""


def scale(optimizer: Optimizer, done: int) -> Scale:
    """Scale of the update that follows `done` earlier ones of the same network."""
    rate = optimizer.rate / (1.0 + optimizer.rate_decay * done)
    if isinstance(optimizer, Adam):
        count = done + 1
        return Scale(rate / (1.0 - optimizer.beta1**count), sqrt(1.0 - optimizer.beta2**count))
    return Scale(rate, 1.0)


# The protocol --------------------------------------------------------------------------------------------------------


class Latent(_Fields, frozen=True, kw_only=True):
    """The distribution of z: N(0, 1) or U(low, high), `size` elements."""

    size: Count = 100
    distribution: Literal["normal", "uniform"] = "normal"
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} must be less than high {self.high:g}")


class LossChoice(_Fields, frozen=True, kw_only=True):
    """A loss by its name."""

    name: str = "bce"
    discriminator_scale: Positive = 1.0
    """Factor of the discriminator's loss (penalty not included): 0.5 for the mean instead of the sum of both terms."""


class PenaltyChoice(_Fields, frozen=True, kw_only=True):
    """A penalty on the discriminator by its name."""

    name: str
    weight: Positive


class TargetChoice(_Fields, frozen=True, kw_only=True):
    """What the discriminator's logits are trained towards, for losses that have targets.

    Smoothed: real = 0.9. Flipped: real = 0, fake = 1. Noisy: `noise` * U(0, 1) is added to every target of the
    discriminator; a share `flip` of them is exchanged. The generator is always trained towards `real`, without noise.
    """

    real: float = 1.0
    fake: float = 0.0
    noise: NotNegative = 0.0
    flip: Proportion = 0.0


class Player(_Fields, frozen=True, kw_only=True):
    """How one of the two networks is trained."""

    updates: Annotated[int, Meta(ge=1, le=1000)] = 1
    """Updates in one step, which takes memory for all their batches at once; the discriminator's come first."""
    optimizer: Optimizer = msgspec.field(default_factory=Adam)


class Average(_Fields, frozen=True, kw_only=True):
    """Exponential moving average (EMA) of the generator's trained parameters; running statistics are copied."""

    decay: Fraction = 0.999
    warmup: bool = True
    """Start with (1 + step) / (10 + step) while that is smaller, so that early samples are not those of step 0."""


class Protocol(_Fields, frozen=True, kw_only=True):
    """One way of training a GAN.

    A network's running statistics move in its own updates only, never when the other one is trained or looked at.
    """

    batch_size: Count = 128
    latent: Latent = Latent()
    loss: LossChoice = LossChoice()
    penalty: PenaltyChoice | None = None
    targets: TargetChoice = TargetChoice()
    discriminator: Player = msgspec.field(default_factory=Player)
    generator: Player = msgspec.field(default_factory=Player)
    latents: Literal["fresh", "shared"] = "fresh"
    """Whether the generator's updates draw latents of their own or use those of the discriminator's last update."""
    batches: Literal["separate", "joint"] = "separate"
    """Whether the discriminator's own update sees real and fake pictures in two passes or in one (fakes first)."""
    batch_statistics: Literal["global", "worker"] = "global"
    """Where several processes share a batch: whether a batch norm sees all of it or each worker's rows alone."""
    average: Average | None = None
    order: Literal["shuffled", "sequential"] = "shuffled"
    """Order of the pictures in an epoch; what is left over at its end is less than a batch and dropped."""

    def player(self, network: str) -> Player:
        """How `generator` or `discriminator` is trained."""
        return self.generator if network == "generator" else self.discriminator


def average_weight(average: Average | None, done: int) -> float:
    """Fraction of the average that the step after `done` earlier ones keeps; 0 without an average."""
    if average is None:
        return 0.0
    return min(average.decay, (1 + done) / (10 + done)) if average.warmup else average.decay


def fields(value: Any) -> dict[str, Any]:
    """A protocol, or any part of it, as plain data."""
    return msgspec.to_builtins(value)  # type: ignore[no-any-return]
