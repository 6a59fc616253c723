"""What a step is fed, as a framework's tensors."""

from typing import Any, NamedTuple

from ganforge.backend.contract import DiscriminatorInputs, GeneratorInputs, StepInputs
from ganforge.backend.runtime import Runtime
from ganforge.spec.arrays import Array
from ganforge.spec.gan import Gan
from ganforge.spec.ops import Number, Ops, Tensor
from ganforge.spec.optimizers import Scale


class DiscriminatorFeed(NamedTuple):
    """`DiscriminatorInputs` as tensors; the images are still uint8."""

    images: Tensor
    labels: Tensor | None
    latents: Tensor
    real_targets: Tensor
    fake_targets: Tensor
    interpolation: Tensor | None
    real_draws: Tensor | None
    fake_draws: Tensor | None
    real_consistency_draws: Tensor | None
    fake_consistency_draws: Tensor | None


class GeneratorFeed(NamedTuple):
    """`GeneratorInputs` as tensors; no images for a loss that does not look at them."""

    images: Tensor | None
    labels: Tensor | None
    latents: Tensor
    targets: Tensor
    real_draws: Tensor | None
    fake_draws: Tensor | None


class StepFeed(NamedTuple):
    """`StepInputs` as tensors; single numbers travel together, since each tensor costs a trip to the device."""

    discriminator: tuple[DiscriminatorFeed, ...]
    generator: tuple[GeneratorFeed, ...]
    keys: Any
    """Of the discriminator's updates, then of the generator's."""
    numbers: Any
    """See `Numbers`."""


class Numbers(NamedTuple):
    """The numbers of a step that depend on its count alone."""

    scales: list[Scale]
    """Of the discriminator's updates, then of the generator's."""
    penalties: list[Number]
    """Weights, by update of the discriminator; 0 in one without a penalty."""
    kept: Number
    """The fraction of the average that stays."""
    taken: Number
    """And 1 - kept, which float32 could not compute from it."""

    @classmethod
    def of(cls, feed: StepFeed, gan: Gan, ops: Ops) -> "Numbers":
        """Those of a step that is fed `feed`; a penalty's weight that never changes is a constant of the trace."""
        *found, kept, taken = ops.unstack(feed.numbers)
        width, updates = len(Scale._fields), len(feed.discriminator) + len(feed.generator)
        scales = [Scale(*found[width * update : width * (update + 1)]) for update in range(updates)]
        constant = gan.protocol.penalty.constant if gan.protocol.penalty else None
        penalties = [weight if constant is None else constant for weight in found[width * updates :]]
        return cls(scales, penalties, kept, taken)


def feed(inputs: StepInputs, gan: Gan, runtime: Runtime) -> StepFeed:
    """Tensors alone, so that no number of a later step asks a framework that traces for another trace."""
    updates: list[DiscriminatorInputs | GeneratorInputs] = [*inputs.discriminator, *inputs.generator]
    scales = [number for update in updates for number in update.scale]
    penalties = [update.penalty_weight or 0.0 for update in inputs.discriminator]
    return StepFeed(
        discriminator=tuple(_discriminator(update, runtime) for update in inputs.discriminator),
        generator=tuple(_generator(update, gan, runtime) for update in inputs.generator),
        keys=runtime.keys([update.key for update in updates]),
        numbers=runtime.numbers([*scales, *penalties, inputs.average, 1.0 - inputs.average]),
    )


def pixels(images: Tensor, gan: Gan, ops: Ops, *, real: Tensor, like: Tensor) -> Tensor:
    """uint8 images in the GAN's pixel range, computed in the precision of `real`, then in that of `like`."""
    values = ops.like(images, real)
    return ops.like(values / 255.0 if gan.pixel_range == (0.0, 1.0) else values / 127.5 - 1.0, like)


def _discriminator(update: DiscriminatorInputs, runtime: Runtime) -> DiscriminatorFeed:
    return DiscriminatorFeed(
        images=runtime.integers(update.images),
        labels=None if update.labels is None else runtime.integers(update.labels),
        latents=runtime.reduced(update.latents),
        real_targets=runtime.real(update.real_targets),
        fake_targets=runtime.real(update.fake_targets),
        interpolation=_real(update.interpolation, runtime),
        real_draws=_real(update.real_draws, runtime),
        fake_draws=_real(update.fake_draws, runtime),
        real_consistency_draws=_real(update.real_consistency_draws, runtime),
        fake_consistency_draws=_real(update.fake_consistency_draws, runtime),
    )


def _generator(update: GeneratorInputs, gan: Gan, runtime: Runtime) -> GeneratorFeed:
    return GeneratorFeed(
        images=runtime.integers(update.images) if gan.loss.generator_sees_real else None,
        labels=None if update.labels is None else runtime.integers(update.labels),
        latents=runtime.reduced(update.latents),
        targets=runtime.real(update.targets),
        real_draws=_real(update.real_draws, runtime) if gan.loss.generator_sees_real else None,
        fake_draws=_real(update.fake_draws, runtime),
    )


def _real(array: Array | None, runtime: Runtime) -> Tensor | None:
    return None if array is None else runtime.real(array)
