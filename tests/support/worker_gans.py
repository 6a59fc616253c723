"""Tiny GANs that one process and several train, and, as a script, one of the several: BACKEND OUT STEPS."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from ganforge.backend.contract import FULL_BATCH, Shard, Workers
from ganforge.data.preparing import Prepared
from ganforge.plugins.host import default_host
from ganforge.recipes.parsing import parse
from ganforge.spec import random_streams
from ganforge.spec.augmentation import Adaptive, Augmentation
from ganforge.spec.gan import Gan
from ganforge.spec.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Flatten,
    JoinLabel,
    LeakyRelu,
    Relu,
    Reshape,
    Tanh,
)
from ganforge.spec.loss_library import LOSSES
from ganforge.spec.network import Network
from ganforge.spec.optimizers import Adam, RMSprop
from ganforge.spec.protocol import Average, Latent, LossChoice, PenaltyChoice, Player, Protocol, TargetChoice
from ganforge.training.backends import find_backend
from ganforge.training.batches import draw_step
from ganforge.training.distributed import gather
from ganforge.training.experiment import Experiment
from ganforge.training.models import open_model

NORM = BatchNorm(decay=0.9, epsilon=1e-5)


def _entry(name: str) -> Any:
    return next(each for each in LOSSES if each.name == name)


def _gan(loss: str, *, classes: int = 0, penalty: str | None = None, dropout: bool = True, **protocol: Any) -> Gan:
    dropped = (Dropout(rate=0.25),) if dropout else ()
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
                *dropped,
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
                *dropped,
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


SHARED = {
    "noisy": _gan(
        "bce",
        classes=3,
        batches="joint",
        targets=TargetChoice(real=0.9, noise=0.1, flip=0.1),
        average=Average(decay=0.9),
    ),
    "pairs": _gan(
        "relativistic",
        penalty="gradient",
        discriminator=Player(updates=2, optimizer=RMSprop(learning_rate=1e-3)),
        generator=Player(optimizer=Adam(learning_rate=1e-3, clip=0.01)),
        latents="shared",
        order="sequential",
    ),
    "augmented": _gan(
        "hinge",
        dropout=False,
        penalty="r1",
        discriminator=Player(updates=2),
        augment=Augmentation(
            flip=True, contrast=0.5, translation=0.2, probability=Adaptive(target=0.3, interval=3, images=1000)
        ),
    ),
}
"""By name. Together: labels, dropout and batch norm in both networks, noisy targets, an average, joint and separate
batches, shared latents, a penalty with second derivatives, a loss in which every row meets the mean of all others,
an adaptive augmentation."""

APART = _gan("bce", dropout=False, batch_statistics="worker")
"""Every worker's batch norms see its own rows."""

IMAGES = random_streams.generator(0, "images").integers(0, 256, (150, 8, 8, 1)).astype("uint8")
LABELS = np.arange(150) % 3


def train(gan: Gan, backend: str, steps: int, shard: Shard = FULL_BATCH) -> dict[str, Any]:
    """Train in float64; the state at the end, what the next update would apply, and the scalars of every step."""
    recipe = parse({"name": "workers", "run": {"precision": "float64", "device": "cpu"}})
    data = Prepared(images=IMAGES, labels=LABELS if gan.classes else None, class_names=(), skipped=(), from_cache=False)
    experiment = Experiment(
        recipe=recipe,
        gan=gan,
        backend=find_backend(backend, default_host()),
        workers=Workers(shard=shard),
        data=data,
    )
    session = open_model(experiment, gan.initial_state(0)).session
    found: dict[str, Any] = {}
    for step in range(steps):
        scalars = session.step(draw_step(experiment.batches, step))
        found |= {f"{step}/{key}": float(value) for key, value in scalars.items()}
    inputs = draw_step(experiment.batches, steps)
    found |= {f"gradients/{key}": each for key, each in session.gradients(inputs).items()}
    return found | session.state()


def main(backend: str, out: str, steps: str) -> None:
    """As one of the workers that the environment speaks of: all of it, to OUT/RANK.npz."""
    workers = gather(find_backend(backend, default_host()), default_host())
    found = {"apart": train(APART, backend, 1, workers.shard)}
    found |= {name: train(gan, backend, int(steps), workers.shard) for name, gan in SHARED.items()}
    arrays = {f"{name}:{key}": value for name, values in found.items() for key, value in values.items()}
    np.savez(Path(out) / f"{workers.shard.rank}.npz", **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
