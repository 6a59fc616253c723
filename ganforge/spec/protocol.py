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
from ganforge.spec.optimizers import Adam, Optimizer, Scale
from ganforge.spec.regularization import Consistency, LeCam
from ganforge.spec.schedules import Decay, NotNegative, Rate, Schedule, check_decay, value_at

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
    weight: Rate
    every: Count = 1
    """It is part of the discriminator's first update and of every so many-th from there on: a lazy penalty (Karras et
    al. 2020, StyleGAN2, section 3.1 and appendix B)."""
    scaled: bool = True
    """Whether the weight is then multiplied by `every`, so that the penalty is as strong as in every update."""

    def weight_in(self, done: int, updates: int) -> float | None:
        """Of the discriminator's update after `done` earlier ones, `updates` in a step; None: one without it."""
        if done % self.every:
            return None
        weight = self.weight.in_updates(updates).at(done) if isinstance(self.weight, Schedule) else self.weight
        return weight * self._factor

    @property
    def constant(self) -> float | None:
        """Its weight in every update that has it; None: it changes."""
        return None if isinstance(self.weight, Schedule) else self.weight * self._factor

    @property
    def _factor(self) -> int:
        return self.every if self.scaled else 1


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
    clip_norm: Positive | None = None
    """The gradients of an update, all elements of all arrays taken as one vector, are scaled down to this length where
    they are longer (Pascanu et al. 2013, algorithm 1); the optimizer's own `clip` comes after it."""

    def scale(self, done: int) -> Scale:
        """The optimizer's numbers in the network's update after `done` earlier ones; its schedules count steps."""
        return _in_updates(self.optimizer, self.updates).scale(done)


class Average(_Fields, frozen=True, kw_only=True):
    """Exponential moving average (EMA) of the generator's trained parameters; running statistics are copied."""

    decay: Decay = 0.999
    warmup: bool = True
    """Start with (1 + step) / (10 + step) while that is smaller, so that early samples are not those of step 0."""
    half_life: Rate | None = None
    """The images after which weights count half, in place of `decay` and `warmup`, which then have no effect.

    The average keeps 0.5^(batch_size / half_life) of itself in a step, which means the same for every batch size
    (Karras et al. 2020, StyleGAN2-ADA).
    """
    ramp_up: Positive | None = None
    """With `half_life`: it is at most this fraction of the images before, 0.05 in StyleGAN2-ADA.

    A step is `batch_size` images, however many updates it has.
    """

    def __post_init__(self) -> None:
        check_decay("decay", self.decay)
        if self.half_life is None and self.ramp_up is not None:
            raise ValueError("ramp_up limits half_life, which is not given")

    def kept(self, done: int, batch_size: int) -> float:
        """The fraction of itself that it keeps in the step after `done` earlier ones."""
        if self.half_life is None:
            decay = value_at(self.decay, done)
            return min(decay, (1 + done) / (10 + done)) if self.warmup else decay
        images = value_at(self.half_life, done)
        if self.ramp_up is not None:
            images = min(images, self.ramp_up * done * batch_size)
        return 0.5 ** (batch_size / images) if images else 0.0


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
    accumulate: Count = 1
    """Equal shares that the batch of an update is computed in, one after another, so that it takes less memory. The
    gradients are the means over them: those of the whole batch, where neither a layer nor the loss looks across it."""
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

    def __post_init__(self) -> None:
        if self.batch_size % self.accumulate:
            raise ValueError(f"a batch_size of {self.batch_size} has no {self.accumulate} equal shares (accumulate)")
        if self.accumulate > 1 and self.keep_last:
            raise ValueError("with keep_last a batch may be smaller, which accumulate cannot divide; leave one of them")

    @property
    def share_size(self) -> int:
        """Images that are in memory at a time."""
        return self.batch_size // self.accumulate

    def batches_of_epoch(self, images: int) -> int:
        """How many batches an epoch of so many images has."""
        whole, left = divmod(images, self.batch_size)
        return whole + (left > 0 and self.keep_last)

    def player(self, network: str) -> Player:
        """How `generator` or `discriminator` is trained."""
        return self.generator if network == "generator" else self.discriminator


def _in_updates(optimizer: Optimizer, updates: int) -> Optimizer:
    """The optimizer, a plugin's too, with its schedules over the network's updates instead of steps."""
    given = {name: getattr(optimizer, name) for name in optimizer.__struct_fields__}
    changed = {name: each.in_updates(updates) for name, each in given.items() if isinstance(each, Schedule)}
    found: Optimizer = msgspec.structs.replace(optimizer, **changed) if changed else optimizer  # type: ignore[type-var]
    return found


def fields(value: Any) -> dict[str, Any]:
    """A protocol, or any part of it, as plain data."""
    return msgspec.to_builtins(value)  # type: ignore[no-any-return]
