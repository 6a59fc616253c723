"""Tiny GANs that together cover every layer, padding, loss, penalty, optimizer and order of updates.

Data, by name. Each is small enough for the reference to train it in milliseconds; none is meant to learn anything.
Initial values are wide, so that nothing is hidden by being near zero.
"""

from functools import cache, partial
from typing import Any

from ganforge import streams
from ganforge.backend import StepInputs
from ganforge.batches import draw_step
from ganforge.gan import Gan
from ganforge.losses import LossEntry, PenaltyEntry, ganforge_losses
from ganforge.protocol import (
    SGD,
    Adam,
    Average,
    Latent,
    LossChoice,
    Optimizer,
    PenaltyChoice,
    Player,
    Protocol,
    RMSprop,
    TargetChoice,
)
from ganforge.spec import (
    ONES,
    ZEROS,
    BatchNorm,
    Constant,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Elu,
    Flatten,
    GlorotUniform,
    HeNormal,
    JoinLabel,
    Layer,
    LeakyRelu,
    Network,
    Normal,
    Relu,
    Reshape,
    Residual,
    Sigmoid,
    Tanh,
    TruncatedNormal,
)

_WIDE = Normal(std=0.4)
_conv = partial(Conv, kernel_init=_WIDE, bias_init=_WIDE)
_spread = partial(ConvTranspose, kernel_init=_WIDE, bias_init=_WIDE)
_dense = partial(Dense, kernel_init=_WIDE, bias_init=_WIDE)
_norm = partial(BatchNorm, decay=0.8, epsilon=3e-4, scale_init=Normal(mean=1.0, std=0.2), offset_init=_WIDE)
_LEAKY = LeakyRelu(slope=0.15)  # no framework's default


def _gan(
    generator: tuple[Layer, ...],
    discriminator: tuple[Layer, ...],
    image: tuple[int, int, int],
    /,
    *,
    loss: str = "bce",
    penalty: str | None = None,
    classes: int = 0,
    discriminator_scale: float = 1.0,
    **protocol: Any,
) -> Gan:
    """A GAN with 4 latents and, unless said otherwise, batches of 4."""
    settings: dict[str, Any] = {"batch_size": 4, "latent": Latent(size=4)} | protocol
    entries = {entry.name: entry for entry in ganforge_losses()}
    loss_entry, penalty_entry = entries[loss], entries[penalty] if penalty else None
    assert isinstance(loss_entry, LossEntry)
    assert penalty_entry is None or isinstance(penalty_entry, PenaltyEntry)
    return Gan(
        generator_network=Network(input=(settings["latent"].size,), layers=generator, classes=classes),
        discriminator_network=Network(input=image, layers=discriminator, classes=classes),
        protocol=Protocol(
            **settings,
            loss=LossChoice(name=loss, discriminator_scale=discriminator_scale),
            penalty=PenaltyChoice(name=penalty, weight=3.0) if penalty else None,
        ),
        loss=loss_entry,
        penalty=penalty_entry,
    )


# A small generator and a small discriminator for what is not about layers.
_MAKE = (_dense(units=18), Reshape(shape=(3, 3, 2)), _norm(), Relu(), _spread(filters=1, kernel=3), Tanh())
_JUDGE = (_conv(filters=2, kernel=3, stride=2), _norm(), _LEAKY, Flatten())
_ONE = (_dense(units=1),)
_SMALL = (_MAKE, (*_JUDGE, *_ONE), (3, 3, 1))


def _players(discriminator: Optimizer, generator: Optimizer) -> dict[str, Any]:
    return {"discriminator": Player(optimizer=discriminator), "generator": Player(optimizer=generator)}


TINY: dict[str, Gan] = {
    # Layers
    "vectors": _gan(
        (_dense(units=4), _norm(), Relu(), _dense(units=9, bias=False), Sigmoid(), Reshape(shape=(3, 3, 1))),
        (Flatten(), _dense(units=9), _LEAKY, _dense(units=5), Elu(alpha=0.7), Dropout(rate=0.3), *_ONE),
        (3, 3, 1),
        targets=TargetChoice(real=0.9),
    ),
    "kernel-5-even": _gan(
        (
            _dense(units=12),
            Reshape(shape=(2, 2, 3)),
            _norm(),
            Relu(),
            _spread(filters=3, kernel=5, stride=2),
            _norm(offset=False),
            _LEAKY,
            _spread(filters=3, kernel=5, stride=2),
            Tanh(),
        ),
        (
            _conv(filters=3, kernel=5, stride=2),
            _LEAKY,
            _conv(filters=3, kernel=5, stride=2, bias=False),
            _norm(scale=False),
            _LEAKY,
            Flatten(),
            *_ONE,
        ),
        (8, 8, 3),
    ),
    "kernel-3-even": _gan(
        (
            _dense(units=8),
            Reshape(shape=(2, 2, 2)),
            Relu(),
            _spread(filters=2, kernel=3, stride=2, kernel_init=HeNormal()),
            _norm(),
            Relu(),
            _conv(filters=1, kernel=4, kernel_init=GlorotUniform()),
            Tanh(),
        ),
        (
            _conv(filters=2, kernel=3, stride=2, kernel_init=TruncatedNormal(std=0.5)),
            _LEAKY,
            _conv(filters=3, kernel=1),
            Elu(),
            Flatten(),
            *_ONE,
        ),
        (4, 4, 1),
        latent=Latent(size=4, distribution="uniform"),
    ),
    "odd-sizes": _gan(
        (
            _dense(units=12),
            Reshape(shape=(2, 2, 3)),
            Relu(),
            _spread(filters=2, kernel=3, stride=2, size=(4, 3)),
            _norm(),
            Relu(),
            _spread(filters=3, kernel=(4, 5), stride=2, size=(7, 5)),
            Tanh(),
        ),
        (
            _conv(filters=2, kernel=(3, 5), stride=2),
            _LEAKY,
            _conv(filters=3, kernel=(2, 3), stride=(1, 2)),
            _norm(),
            _LEAKY,
            Flatten(),
            *_ONE,
        ),
        (7, 5, 3),
    ),
    "paddings": _gan(
        (
            _dense(units=12),
            Reshape(shape=(2, 3, 2)),
            Relu(),
            _spread(filters=2, kernel=(3, 2), stride=(2, 1), padding="valid", bias=False),
            Relu(),
            _spread(filters=1, kernel=(4, 3), stride=(2, 2), padding=((1, 3), (2, 0))),
            Tanh(),
        ),
        (
            _conv(filters=2, kernel=3, stride=2, padding=((1, 0), (0, 2))),
            _LEAKY,
            _conv(filters=2, kernel=(2, 3), padding="valid"),
            _LEAKY,
            _conv(filters=2, kernel=2, stride=2, padding=1),
            Flatten(),
            *_ONE,
        ),
        (8, 7, 1),
    ),
    "labels": _gan(
        (
            JoinLabel(),
            _dense(units=8),
            Relu(),
            JoinLabel(),
            _dense(units=8),
            Reshape(shape=(2, 2, 2)),
            Relu(),
            JoinLabel(),
            _spread(filters=1, kernel=4, stride=2),
            Tanh(),
        ),
        (
            JoinLabel(),
            _conv(filters=2, kernel=3, stride=2),
            _LEAKY,
            JoinLabel(),
            _conv(filters=3, kernel=2),
            _norm(),
            _LEAKY,
            Flatten(),
            JoinLabel(),
            *_ONE,
        ),
        (4, 4, 1),
        classes=3,
    ),
    "residuals": _gan(
        (
            _dense(units=18),
            Reshape(shape=(3, 3, 2)),
            Residual(
                layers=(
                    _norm(),
                    Relu(),
                    _conv(filters=2, kernel=3),
                    Residual(layers=(Elu(), _spread(filters=2, kernel=2), Dropout(rate=0.2))),
                )
            ),
            _norm(),
            Relu(),
            _conv(filters=1, kernel=3),
            Tanh(),
        ),
        (
            _conv(filters=2, kernel=3),
            Residual(layers=(_LEAKY, _conv(filters=2, kernel=3), Residual(layers=(_norm(), _LEAKY)))),
            Flatten(),
            Residual(layers=(_dense(units=18), _LEAKY, Dropout(rate=0.5))),
            *_ONE,
        ),
        (3, 3, 1),
    ),
    "dropouts": _gan(
        (
            _dense(units=8),
            Dropout(rate=0.25),
            Relu(),
            Reshape(shape=(2, 2, 2)),
            Dropout(rate=0.4),
            _spread(filters=2, kernel=4, stride=2),
            Tanh(),
        ),
        (Dropout(rate=0.1), _conv(filters=3, kernel=3, stride=2), _norm(), _LEAKY, Dropout(rate=0.5), Flatten(), *_ONE),
        (4, 4, 2),
        batches="joint",
        targets=TargetChoice(real=0.9, noise=0.2, flip=0.2),
    ),
    # Losses and penalties
    "softmax": _gan(_MAKE, (*_JUDGE, _dense(units=2)), (3, 3, 1), loss="softmax", targets=TargetChoice(real=0.8)),
    "least-squares": _gan(*_SMALL, loss="least-squares", discriminator_scale=0.5, batches="joint"),
    "hinge-r1": _gan(*_SMALL, loss="hinge", penalty="r1", discriminator_scale=0.5),
    "wasserstein-gradient": _gan(
        _MAKE,
        (_conv(filters=3, kernel=3, stride=2), _LEAKY, Dropout(rate=0.3), _norm(), Elu(), Flatten(), *_ONE),
        (3, 3, 1),
        loss="wasserstein",
        penalty="gradient",
    ),
    "relativistic": _gan(*_SMALL, loss="relativistic"),
    "relativistic-r1-joint": _gan(*_SMALL, loss="relativistic", penalty="r1", batches="joint"),
    # Optimizers
    "rmsprop": _gan(
        *_SMALL,
        **_players(
            RMSprop(rate=1e-3, epsilon=1e-4, clip=0.05, rate_decay=0.1),
            RMSprop(rate=1e-3, rho=0.8, epsilon=1e-4, epsilon_inside_sqrt=True),
        ),
    ),
    "momentum": _gan(*_SMALL, **_players(SGD(rate=0.02, momentum=0.9, rate_decay=0.2), SGD(rate=0.02, clip=0.03))),
    "adam": _gan(
        *_SMALL,
        **_players(Adam(rate=1e-3, beta1=0.9, epsilon=1e-3, clip=0.05), Adam(rate=1e-3, beta1=0.0, rate_decay=0.3)),
    ),
    # Orders of updates
    "many-updates": _gan(
        *_SMALL,
        discriminator=Player(updates=3),
        generator=Player(updates=2),
        latents="shared",
        average=Average(decay=0.9),
    ),
    "shared-average": _gan(
        *_SMALL,
        latents="shared",
        average=Average(decay=0.7, warmup=False),
        discriminator=Player(optimizer=Adam(rate=1e-2)),
        generator=Player(optimizer=Adam(rate=1e-2)),
    ),
    # Numbers that a careless form gets wrong
    "large-logits": _gan(
        _MAKE,
        (*_JUDGE, _dense(units=1, bias_init=Constant(value=21.0))),
        (3, 3, 1),
        targets=TargetChoice(real=0.9),
    ),
    "at-zero": _gan(
        _MAKE,
        (
            Flatten(),
            Residual(layers=(_dense(units=9, kernel_init=ZEROS, bias_init=ZEROS), _LEAKY, _dense(units=9))),
            Residual(layers=(_dense(units=9, kernel_init=ZEROS, bias_init=ZEROS), Elu(alpha=0.7), _dense(units=9))),
            Residual(layers=(_dense(units=9, kernel_init=ZEROS, bias_init=ZEROS), Relu(), _dense(units=9))),
            *_ONE,
        ),
        (3, 3, 1),
    ),
    "at-the-margin": _gan(
        _MAKE, (Flatten(), _dense(units=1, kernel_init=ZEROS, bias_init=ONES)), (3, 3, 1), loss="hinge"
    ),
    "far-mean": _gan(
        (
            _dense(units=18),
            Reshape(shape=(3, 3, 2)),
            _conv(filters=2, kernel=1, bias_init=Constant(value=15.0)),
            _norm(),
            Relu(),
            _spread(filters=1, kernel=3),
            Tanh(),
        ),
        (*_JUDGE, *_ONE),
        (3, 3, 1),
    ),
}
"""By name. In `far-mean` a channel's mean is many deviations away from zero: only float64 can tell right from wrong."""

FLOAT64_ONLY = frozenset({"far-mean"})
KINKS = frozenset({"at-zero", "at-the-margin"})
"""Those that stand exactly where a derivative jumps, and is defined as docs/semantics.md says."""


def inputs(gan: Gan, seed: int, step: int) -> StepInputs:
    """What step `step` of `gan` is fed: noise for pictures."""
    count = 4 * gan.protocol.batch_size
    stream = streams.generator(seed, "tiny")
    images = stream.integers(0, 256, (count, *gan.image_shape)).astype("uint8")
    labels = stream.integers(0, gan.classes, count) if gan.classes else None
    return draw_step(gan, images, labels, seed=seed, step=step)


@cache
def small_dcgan() -> Gan:
    """The DCGAN of the parity contract: 32 x 32, generator 64-32-16-3 channels, batches of 16."""
    init = Normal(std=0.02)
    conv = partial(Conv, kernel=4, stride=2, kernel_init=init)
    spread = partial(ConvTranspose, kernel=4, stride=2, kernel_init=init)
    norm = partial(BatchNorm, decay=0.9, epsilon=1e-5, scale_init=Normal(mean=1.0, std=0.02))
    leaky = LeakyRelu(slope=0.2)
    adam = Player(optimizer=Adam(rate=2e-4, beta1=0.5, beta2=0.999, epsilon=1e-8))
    return _gan(
        (
            Dense(units=4 * 4 * 64, kernel_init=init),
            Reshape(shape=(4, 4, 64)),
            norm(),
            Relu(),
            spread(filters=32),
            norm(),
            Relu(),
            spread(filters=16),
            norm(),
            Relu(),
            spread(filters=3),
            Tanh(),
        ),
        (
            conv(filters=16),
            leaky,
            conv(filters=32),
            norm(),
            leaky,
            conv(filters=64),
            norm(),
            leaky,
            Flatten(),
            Dense(units=1, kernel_init=init),
        ),
        (32, 32, 3),
        latent=Latent(size=100),
        batch_size=16,
        discriminator=adam,
        generator=adam,
    )
