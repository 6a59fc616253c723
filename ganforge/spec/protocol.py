"""What training is: losses by name, optimizers, order and number of updates, noise, averaging. All of it data.

Every number that depends on the step alone (rates, bias corrections, averaging weights) is computed here in float64, on
the host, so that no two frameworks can round it differently.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from ganforge.spec.augmentation import Augmentation
from ganforge.spec.layers.contract import Count
from ganforge.spec.layers.initializers import Positive
from ganforge.spec.optimizers import Adam, Fraction, NotNegative, Optimizer
from ganforge.spec.regularization import Consistency, LeCam

Proportion: TypeAlias = Annotated[float, Meta(ge=0, le=1)]


class _Fields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Only the settings that make a table of a recipe strict."""


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
    """One way of training a GAN."""

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
    """Whether the discriminator's own update sees real and fake images in two passes or in one (fakes first)."""
    batch_statistics: Literal["global", "worker"] = "global"
    """Where several processes share a batch: whether a batch norm sees all of it or each worker's rows alone."""
    running_values: Literal["own_updates", "every_pass"] = "own_updates"
    """When a network's running values move: in its own updates alone, or, as in a framework's training mode, in every
    pass of an update but a penalty's, be it of either network. Weights do not depend on it."""
    average: Average | None = None
    augment: Augmentation | None = None
    """What is done to all images, real and fake, that the discriminator is shown."""
    consistency: Consistency | None = None
    lecam: LeCam | None = None
    mirror: bool = False
    """Whether each real image is flipped left to right every other time, by draw."""
    random_crop: Annotated[int, Meta(ge=0)] = 0
    """Pixels by which each real image is moved at most, along both axes, by draw; what comes in is its mirror image."""
    order: Literal["shuffled", "sequential"] = "shuffled"
    """Order of the images in an epoch."""
    keep_last: bool = False
    """Whether the images left over at the end of an epoch, less than a batch, are a smaller batch, or dropped."""

    def batches_of_epoch(self, images: int) -> int:
        """How many batches an epoch of so many images has."""
        whole, left = divmod(images, self.batch_size)
        return whole + (left > 0 and self.keep_last)

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
