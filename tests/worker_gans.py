"""Tiny GANs that are trained by one process and by several, and the process that trains them.

As a script: `worker_gans.py BACKEND OUT STEPS [BATCH_STATISTICS]` trains all of them, alone or as one of the workers that
the environment speaks of, and writes every state and every step's scalars to OUT/RANK.npz.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ganforge import streams
from ganforge.batches import draw_step
from ganforge.gan import Gan
from ganforge.losses import ganforge_losses
from ganforge.plugins import host
from ganforge.protocol import (
    Adam,
    Average,
    Latent,
    LossChoice,
    PenaltyChoice,
    Player,
    Protocol,
    RMSprop,
    TargetChoice,
)
from ganforge.recipe import parse
from ganforge.spec import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Flatten,
    JoinLabel,
    LeakyRelu,
    Network,
    Relu,
    Reshape,
    Tanh,
)
from ganforge.workers import gather, open_share

NORM = BatchNorm(decay=0.9, epsilon=1e-5)


def _entry(name: str) -> Any:
    return next(each for each in ganforge_losses() if each.name == name)


def _gan(loss: str, *, classes: int = 0, penalty: str | None = None, **protocol: Any) -> Gan:
    label = (JoinLabel(),) if classes else ()
    chosen = {"penalty": PenaltyChoice(name=penalty, weight=2.0)} if penalty else {}
    entries = {"penalty": _entry(penalty)} if penalty else {}
    return Gan(
        generator_network=Network(
            input=(5,),
            layers=(
                *label,
                Dense(units=2 * 2 * 6),
                Reshape(shape=(2, 2, 6)),
                NORM,
                Relu(),
                Dropout(rate=0.2),
                ConvTranspose(filters=4, kernel=4, stride=2, padding="same"),
                NORM,
                Relu(),
                ConvTranspose(filters=1, kernel=4, stride=2, padding="same"),
                Tanh(),
            ),
            classes=classes,
        ),
        discriminator_network=Network(
            input=(8, 8, 1),
            layers=(
                *label,
                Conv(filters=4, kernel=4, stride=2, padding="same"),
                LeakyRelu(slope=0.2),
                Dropout(rate=0.3),
                Conv(filters=6, kernel=4, stride=2, padding="same"),
                NORM,
                LeakyRelu(slope=0.2),
                Flatten(),
                Dense(units=1),
            ),
            classes=classes,
        ),
        protocol=Protocol(batch_size=64, latent=Latent(size=5), loss=LossChoice(name=loss), **chosen, **protocol),
        loss=_entry(loss),
        **entries,
    )


GANS = {
    "noisy": _gan(
        "bce",
        classes=3,
        batches="joint",
        targets=TargetChoice(real=0.9, noise=0.1, flip=0.1),
        average=Average(decay=0.9),
    ),
    "penalty": _gan(
        "wasserstein",
        penalty="gradient",
        discriminator=Player(updates=2, optimizer=RMSprop(rate=1e-3)),
        generator=Player(optimizer=Adam(rate=1e-3, clip=0.01)),
        latents="shared",
        order="sequential",
    ),
    "pairs": _gan("relativistic", penalty="r1", average=Average(decay=0.5)),
}
"""By name. Together: labels, dropout and batch norm in both networks, noisy targets, an average, joint and separate
batches, shared latents, penalties with second derivatives, a loss in which every row meets the mean of all others."""


def main(backend: str, out: str, steps: str, statistics: str = "global") -> None:
    """Train all of `GANS`."""
    recipe = parse({"name": "workers", "run": {"precision": "float64", "device": "cpu"}})
    workers = gather(backend, host())
    stream = streams.generator(0, "pictures")
    images = stream.integers(0, 256, (150, 8, 8, 1)).astype("uint8")
    found: dict[str, Any] = {}
    for name, gan in GANS.items():
        gan = replace(gan, protocol=msgspec.structs.replace(gan.protocol, batch_statistics=statistics))
        labels = stream.integers(0, gan.classes, len(images)) if gan.classes else None
        session = open_share(gan, gan.initial_state(0), recipe, backend, host(), workers.share)
        for step in range(int(steps)):
            scalars = session.step(draw_step(gan, images, labels, seed=0, step=step, share=workers.share))
            found |= {f"{name}/{step}/{key}": float(value) for key, value in scalars.items()}
        inputs = draw_step(gan, images, labels, seed=0, step=int(steps), share=workers.share)
        found |= {f"{name}/gradients/{key}": each for key, each in session.gradients(inputs).items()}
        found |= {f"{name}/{key}": each for key, each in session.state().items()}
    np.savez(Path(out) / f"{workers.share.rank}.npz", **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
