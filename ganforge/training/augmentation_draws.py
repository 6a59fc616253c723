"""What is drawn for the augmentation of the images of an update, from a stream for each."""

from ganforge.spec import random_streams
from ganforge.spec.arrays import Array
from ganforge.spec.augmentation import Augmentation, draw
from ganforge.spec.gan import Gan


def discriminator_draws(gan: Gan, rows: slice, *, seed: int, number: int) -> dict[str, Array | None]:
    """Those of a discriminator's update by their fields in `DiscriminatorInputs`, `rows` of a batch."""
    augment, consistency = gan.protocol.augment, gan.protocol.consistency
    settings = {
        "real_draws": augment,
        "fake_draws": augment,
        "real_consistency_draws": consistency.augment if consistency is not None and consistency.real else None,
        "fake_consistency_draws": consistency.augment if consistency is not None and consistency.fake else None,
    }
    return {
        name: _drawn(gan, each, seed, f"augment/discriminator/{name}", number, rows) for name, each in settings.items()
    }


def generator_draws(gan: Gan, rows: slice, *, seed: int, number: int) -> dict[str, Array | None]:
    """Those of a generator's update by their fields in `GeneratorInputs`."""
    augment = gan.protocol.augment
    settings = {"real_draws": augment if gan.loss.generator_sees_real else None, "fake_draws": augment}
    return {name: _drawn(gan, each, seed, f"augment/generator/{name}", number, rows) for name, each in settings.items()}


def _drawn(gan: Gan, settings: Augmentation | None, seed: int, purpose: str, number: int, rows: slice) -> Array | None:
    if settings is None:
        return None
    return draw(settings, gan.image_shape, random_streams.generator(seed, purpose, number), gan.protocol.batch_size)[
        rows
    ]
