"""What step number k is fed: images, labels, latents, targets and keys, all of it a function of (seed, k)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ganforge.backend.contract import FULL_BATCH, DiscriminatorInputs, GeneratorInputs, Shard, StepInputs
from ganforge.data.prefetch import ask, asks
from ganforge.errors import RunError
from ganforge.spec import random_streams
from ganforge.spec.arrays import Array, Images, Labels
from ganforge.spec.gan import Gan
from ganforge.spec.protocol import Latent, Player, TargetChoice
from ganforge.training.augmentation_draws import discriminator_draws, generator_draws
from ganforge.training.varying import varied

_STEPS, _BYTES = 64, 1 << 20
"""Steps drawn at a time, and of how many bytes of images together: at most."""
_BLOCK = 4096
"""Positions of a shuffle computed at a time: enough to make their cost per step vanish, too few to matter in memory."""
_ROWS = 256
"""Rows of latents that are drawn at a time: few, so that a worker need not draw all those before its own."""


@dataclass(frozen=True, kw_only=True)
class Batches:
    """What a GAN is trained on, by one of the processes that train it; all that `draw_step` needs but the step."""

    gan: Gan
    images: Images
    """(N, height, width, channels), N at least a batch."""
    labels: Labels | None
    """(N,), for a conditional GAN."""
    seed: int
    shard: Shard = FULL_BATCH


def draw_steps(batches: Batches, steps: range) -> Iterator[StepInputs]:
    """What `draw_step` draws for each of `steps`, in order.

    Steps of small images are drawn some at a time: a step drives all else out of the processor's caches, and drawing
    after each would take three times as long. While a step of large ones is computed, the disk reads the next one's.
    """
    images, protocol = batches.images, batches.gan.protocol
    bytes_of_step = images[:1].nbytes * protocol.batch_size * protocol.discriminator.updates
    together = 1 if asks(images) else max(1, min(_STEPS, _BYTES // bytes_of_step))
    for first in steps[::together]:
        following = min(first + together, steps.stop)
        drawn = [draw_step(batches, step) for step in range(first, following)]
        if following < steps.stop:
            _ask_for_step(batches, following)
        yield from drawn


def draw_step(batches: Batches, step: int) -> StepInputs:
    """All inputs of step `step`, counted from 0: one worker's shard of them."""
    gan, images, labels, seed = batches.gan, batches.images, batches.labels, batches.seed
    protocol, batch = gan.protocol, gan.protocol.batch_size
    penalty, average = protocol.penalty, protocol.average
    discriminator: list[DiscriminatorInputs] = []
    for number in _updates(protocol.discriminator, step):
        chosen, rows = _chosen(batches, number), _rows(batches, number)
        weight = penalty.weight_in(number, protocol.discriminator.updates) if penalty else None
        real_targets, fake_targets = _targets(protocol.targets, batch, seed=seed, number=number)
        discriminator.append(
            DiscriminatorInputs(
                images=varied(protocol, images[chosen], rows, seed=seed, number=number),
                labels=labels[chosen] if labels is not None and gan.classes else None,
                latents=draw_latents(protocol.latent, rows, seed, "latent/discriminator", number),
                real_targets=real_targets[rows],
                fake_targets=fake_targets[rows],
                interpolation=None if weight is None else _mix(batch, seed=seed, number=number)[rows],
                key=random_streams.key(seed, "dropout/discriminator", number),
                scale=protocol.discriminator.scale(number),
                penalty_weight=weight,
                **discriminator_draws(gan, rows, seed=seed, number=number),
            )
        )
    last = discriminator[-1]
    generator = tuple(
        GeneratorInputs(
            images=last.images,
            labels=last.labels,
            latents=last.latents
            if protocol.latents == "shared"
            else draw_latents(protocol.latent, rows, seed, "latent/generator", number),
            targets=np.full((len(last.images), 1), protocol.targets.real),
            key=random_streams.key(seed, "dropout/generator", number),
            scale=protocol.generator.scale(number),
            **generator_draws(gan, rows, seed=seed, number=number),
        )
        for number in _updates(protocol.generator, step)
    )
    return StepInputs(
        discriminator=tuple(discriminator), generator=generator, average=average.kept(step, batch) if average else 0.0
    )


def check_batch_divides(gan: Gan, shard: Shard) -> None:
    """Check that workers can share a batch evenly.

    Raises:
        RunError: they cannot, or a batch norm over one worker's rows would see a single value.
    """
    batch, count, shares = gan.protocol.batch_size, shard.count, shard.count * gan.protocol.accumulate
    if batch % shares:
        near = [size for size in (batch - batch % shares, batch + shares - batch % shares) if size]
        each = f", each in {gan.protocol.accumulate} shares (accumulate)," if shares > count else ""
        raise RunError(
            f"{count} workers cannot share a batch of {batch}{each} evenly; take --batch-size "
            f"{' or '.join(map(str, near))}, or another number of workers"
        )
    if gan.protocol.batch_statistics == "global":
        return
    if (norm := gan.norm_of_one_value(batch // shares)) is not None:
        raise RunError(
            f"{norm}: batch norm over the one value of a worker's {batch // shares} rows; take a larger batch_size, or "
            "training.batch_statistics = 'global'"
        )


def check_last_batch(batches: Batches, steps: int) -> None:
    """Check that the last batch of an epoch, if it is kept, is smaller and comes within `steps`, can be trained on.

    Raises:
        RunError: several processes train, or a batch norm over it would see a single value.
    """
    gan, count, shard = batches.gan, len(batches.images), batches.shard
    left, comes = count % gan.protocol.batch_size, gan.protocol.batches_of_epoch(count)
    if not (gan.protocol.keep_last and left and steps * gan.protocol.discriminator.updates >= comes):
        return
    what = f"the last batch of an epoch of {count:,} images has {left}"
    otherwise = "take another --batch-size, or training.keep_last = false"
    if shard.count > 1:
        raise RunError(f"{what}, which several processes do not share; {otherwise}")
    if (norm := gan.norm_of_one_value(left)) is not None:
        raise RunError(f"{what}: {norm} would be a batch norm over one value; {otherwise}")


def _ask_for_step(batches: Batches, step: int) -> None:
    """Have the disk read the images that `draw_step` will take for step `step`; does not wait for it."""
    if asks(batches.images):
        for number in _updates(batches.gan.protocol.discriminator, step):
            ask(batches.images, _chosen(batches, number))


def _updates(player: Player, step: int) -> range:
    return range(step * player.updates, (step + 1) * player.updates)


def _chosen(batches: Batches, number: int) -> npt.NDArray[np.int64]:
    protocol = batches.gan.protocol
    return batch_indices(
        len(batches.images),
        protocol.batch_size,
        number,
        seed=batches.seed,
        shuffled=protocol.order == "shuffled",
        keep_last=protocol.keep_last,
        shard=batches.shard,
    )


def _rows(batches: Batches, number: int) -> slice:
    """This worker's rows of what is drawn for a whole batch: of a smaller one, the first."""
    protocol, count = batches.gan.protocol, len(batches.images)
    place = number % protocol.batches_of_epoch(count)
    return batches.shard.rows(min(protocol.batch_size, count - place * protocol.batch_size))


def draw_latents(latent: Latent, rows: slice, seed: int, purpose: str, *counters: int) -> Array:
    """(rows, latent size) in float64: the rows from `start` to `stop` of a batch of any size."""
    blocks = range(rows.start // _ROWS, (rows.stop - 1) // _ROWS + 1)
    drawn = []
    for block in blocks:
        stream = random_streams.generator(seed, purpose, *counters, *([block] if block else []))
        size = (min(_ROWS, rows.stop - block * _ROWS), latent.size)
        normal = latent.distribution == "normal"
        drawn.append(stream.standard_normal(size) if normal else stream.uniform(latent.low, latent.high, size))
    return np.concatenate(drawn)[rows.start - blocks[0] * _ROWS :]


def batch_indices(
    count: int,
    batch: int,
    number: int,
    *,
    seed: int,
    shuffled: bool,
    keep_last: bool = False,
    shard: Shard = FULL_BATCH,
) -> npt.NDArray[np.int64]:
    """Indices of a share of batch `number` of `count` images, epoch after epoch.

    What is left over at the end of an epoch is a smaller batch with `keep_last`, and dropped without.
    """
    epoch, place = divmod(number, -(-count // batch) if keep_last else count // batch)
    rows = shard.rows(min(batch, count - place * batch))
    first, last = place * batch + rows.start, place * batch + rows.stop - 1
    if not shuffled:
        return np.arange(first, last + 1)
    blocks = range(first // _BLOCK, last // _BLOCK + 1)
    found = np.concatenate([_shuffled_block(seed, epoch, count, block) for block in blocks])
    start = blocks[0] * _BLOCK
    return found[first - start : last + 1 - start]


@lru_cache(maxsize=4)
def _shuffled_block(seed: int, epoch: int, count: int, block: int) -> npt.NDArray[np.int64]:
    positions = np.arange(block * _BLOCK, min((block + 1) * _BLOCK, count))
    return random_streams.shuffled(seed, epoch, count, positions)


def _targets(choice: TargetChoice, batch: int, *, seed: int, number: int) -> tuple[Array, Array]:
    """Targets of the real and of the fake images, (batch, 1) each: first some exchanged, then noise added."""
    real, fake = np.full((batch, 1), choice.real), np.full((batch, 1), choice.fake)
    if choice.flip:
        flipped = random_streams.generator(seed, "flip", number).random((2, batch, 1)) < choice.flip
        real, fake = np.where(flipped[0], choice.fake, real), np.where(flipped[1], choice.real, fake)
    if choice.noise:
        noise = choice.noise * random_streams.generator(seed, "target-noise", number).random((2, batch, 1))
        real, fake = real + noise[0], fake + noise[1]
    return real, fake


def _mix(batch: int, *, seed: int, number: int) -> Array:
    return random_streams.generator(seed, "mix", number).random((batch, 1, 1, 1))
