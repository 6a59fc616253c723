"""Tiny GANs that together cover every layer, padding, loss, penalty, optimizer and order of updates.

Data, by name. Each is small enough for the reference to train it in milliseconds; none is meant to learn anything.
"""

from ganforge.backend.contract import StepInputs
from ganforge.spec import random_streams
from ganforge.spec.gan import Gan
from ganforge.testing.tiny_gans.augmenting import AUGMENTING
from ganforge.testing.tiny_gans.blocks import BLOCKS
from ganforge.testing.tiny_gans.dcgan import small_dcgan
from ganforge.testing.tiny_gans.layers import LAYERS
from ganforge.testing.tiny_gans.numbers import NUMBERS
from ganforge.testing.tiny_gans.training import TRAINING
from ganforge.training.batches import Batches, draw_step

__all__ = ["FLOAT64_ONLY", "KINKS", "TINY", "inputs", "small_dcgan"]

TINY: dict[str, Gan] = LAYERS | BLOCKS | TRAINING | AUGMENTING | NUMBERS
"""By name. In `far-mean` a channel's mean is many deviations away from zero: only float64 can tell right from wrong."""

FLOAT64_ONLY = frozenset({"far-mean"})
KINKS = frozenset({"at-zero", "at-the-margin"})
"""Those that stand exactly where a derivative jumps, and is defined as docs/semantics.md says."""


def inputs(gan: Gan, seed: int, step: int) -> StepInputs:
    """What step `step` of `gan` is fed: noise for images."""
    batch = gan.protocol.batch_size
    count = batch + batch // 2 if gan.protocol.keep_last else 4 * batch  # so that every second batch is a smaller one
    stream = random_streams.generator(seed, "tiny")
    images = stream.integers(0, 256, (count, *gan.image_shape)).astype("uint8")
    labels = stream.integers(0, gan.classes, count) if gan.classes else None
    return draw_step(Batches(gan=gan, images=images, labels=labels, seed=seed), step)
