"""What tiny GANs are put together from. Initial values are wide, so that nothing is hidden by being near zero."""

from functools import partial
from typing import Any

from ganforge.spec.gan import Gan
from ganforge.spec.layers import BatchNorm, Conv, ConvTranspose, Dense, Flatten, LeakyRelu, Relu, Reshape, Tanh
from ganforge.spec.layers.contract import Layer
from ganforge.spec.layers.initializers import Normal
from ganforge.spec.loss_library import LOSSES
from ganforge.spec.losses import LossEntry, PenaltyEntry
from ganforge.spec.network import Network
from ganforge.spec.optimizers import Optimizer
from ganforge.spec.protocol import Latent, LossChoice, PenaltyChoice, Player, Protocol

WIDE = Normal(std=0.4)
conv = partial(Conv, kernel_init=WIDE, bias_init=WIDE)
spread = partial(ConvTranspose, kernel_init=WIDE, bias_init=WIDE)
dense = partial(Dense, kernel_init=WIDE, bias_init=WIDE)
norm = partial(BatchNorm, decay=0.8, epsilon=3e-4, scale_init=Normal(mean=1.0, std=0.2), offset_init=WIDE)
LEAKY = LeakyRelu(slope=0.15)  # no framework's default


def gan(
    generator: tuple[Layer, ...],
    discriminator: tuple[Layer, ...],
    image: tuple[int, int, int],
    /,
    *,
    loss: str = "bce",
    penalty: str | PenaltyChoice | None = None,
    classes: int = 0,
    discriminator_scale: float = 1.0,
    **protocol: Any,
) -> Gan:
    """A GAN with 4 latents and, unless said otherwise, batches of 4."""
    settings: dict[str, Any] = {"batch_size": 4, "latent": Latent(size=4)} | protocol
    entries = {entry.name: entry for entry in LOSSES}
    choice = PenaltyChoice(name=penalty, weight=3.0) if isinstance(penalty, str) else penalty
    loss_entry, penalty_entry = entries[loss], entries[choice.name] if choice else None
    assert isinstance(loss_entry, LossEntry)
    assert penalty_entry is None or isinstance(penalty_entry, PenaltyEntry)
    return Gan(
        generator_network=Network(input=(settings["latent"].size,), layers=generator, classes=classes),
        discriminator_network=Network(input=image, layers=discriminator, classes=classes),
        protocol=Protocol(
            **settings,
            loss=LossChoice(name=loss, discriminator_scale=discriminator_scale),
            penalty=choice,
        ),
        loss=loss_entry,
        penalty=penalty_entry,
    )


# A small generator and a small discriminator for what is not about layers.
MAKE = (dense(units=18), Reshape(shape=(3, 3, 2)), norm(), Relu(), spread(filters=1, kernel=3), Tanh())
JUDGE = (conv(filters=2, kernel=3, stride=2), norm(), LEAKY, Flatten())
ONE = (dense(units=1),)
SMALL = (MAKE, (*JUDGE, *ONE), (3, 3, 1))


def players(discriminator: Optimizer, generator: Optimizer) -> dict[str, Any]:
    """Two optimizers, as settings of a protocol."""
    return {"discriminator": Player(optimizer=discriminator), "generator": Player(optimizer=generator)}
