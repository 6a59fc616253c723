"""Augmentation written over `Ops`, as docs/semantics.md says it: every framework does the same to the same images.

Given what is drawn for it, it is linear but for a constant, so it can be differentiated as often as one likes.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from ganforge.backend.runtime import Runtime, Tensors
from ganforge.spec.augmentation import IMAGES, PROBABILITY, SIGNS, Augmentation, Draws, cut
from ganforge.spec.gan import Gan
from ganforge.spec.ops import Number, Ops, Tensor

Augment: TypeAlias = Callable[[Tensor, Any], Tensor]
"""`(images, draws)`: the images as the discriminator is shown them."""


def augmentation_of(gan: Gan, ops: Ops, arrays: Tensors) -> Augment:
    """The augmentation of a GAN with the probability that `arrays`, a state's, have; none: images as they are."""
    settings = gan.protocol.augment
    if settings is None:
        return lambda images, draws: images
    probability = arrays[PROBABILITY] if settings.adaptive else settings.probability
    return lambda images, draws: augmented(ops, settings, images, draws, probability, gan.pixel_range)


def augmented(
    ops: Ops,
    settings: Augmentation,
    images: Tensor,
    draws: Tensor,
    probability: Number,
    pixel_range: tuple[float, float],
) -> Tensor:
    """Images, (B, height, width, channels), augmented in the precision of their draws, (B, columns of `Draws`)."""
    x = ops.like(images, draws)
    batch, height, width, channels = x.shape
    drawn = Draws(*(ops.reshape(draws[:, column], (batch, 1, 1, 1)) for column in range(len(Draws._fields))))
    if pixel_range[0] == 0.0:
        x = 2.0 * x - 1.0
    if settings.brightness:
        x = x + ops.where(drawn.brightens < probability, drawn.brightness, 0.0)
    if settings.saturation and channels > 1:
        grey = ops.reshape(ops.mean_over(x, (3,)), (batch, height, width, 1))
        x = _away(x, grey, ops.where(drawn.saturates < probability, drawn.saturation, 1.0))
    if settings.contrast:
        mean = ops.reshape(ops.mean_over(x, (1, 2, 3)), (batch, 1, 1, 1))
        x = _away(x, mean, ops.where(drawn.contrasts < probability, drawn.contrast, 1.0))
    if settings.translation:
        source = _places(ops, height, x) - ops.where(drawn.shifts < probability, drawn.down, 0.0)
        x = _taken(ops, x, source)
    if settings.translation or settings.flip:
        source = _places(ops, width, x) - ops.where(drawn.shifts < probability, drawn.right, 0.0)
        if settings.flip:
            source = ops.where(drawn.flips < 0.5 * probability, width - 1.0 - source, source)
        x = ops.transpose(_taken(ops, ops.transpose(x, (0, 2, 1, 3)), source), (0, 2, 1, 3))
    if settings.cutout:
        rows, columns = cut(settings, (height, width, channels))
        inside = _between(ops, _places(ops, height, x), drawn.top, rows) * ops.transpose(
            _between(ops, _places(ops, width, x), drawn.left, columns), (0, 2, 1, 3)
        )
        x = x * (1.0 - inside * ops.like(drawn.cuts < probability, x))
    return ops.like(0.5 * (x + 1.0) if pixel_range[0] == 0.0 else x, images)


def _away(x: Tensor, center: Tensor, factor: Tensor) -> Tensor:
    """x at another distance from the center; with factor 1 x itself, to the last bit."""
    return x * factor + center * (1.0 - factor)


def _places(ops: Ops, size: int, like: Tensor) -> Tensor:
    """0, 1, ... along the second axis."""
    return ops.reshape(ops.arange(size, like), (1, size, 1, 1))


def _between(ops: Ops, places: Tensor, first: Tensor, count: int) -> Tensor:
    """1 at `count` places from `first` on, 0 elsewhere."""
    return ops.like(places >= first, first) * ops.like(places < first + count, first)


def _taken(ops: Ops, x: Tensor, source: Tensor) -> Tensor:
    """Row i of the result is row source[i] of x, or 0 where there is none. source: (B, size, 1, 1), whole numbers.

    By a product: exact, since all but one of its terms are 0, and its derivatives are products too.
    """
    batch, size = source.shape[:2]
    chosen = ops.like(ops.reshape(source, (batch, size, 1)) == ops.reshape(ops.arange(size, x), (1, 1, size)), x)
    return ops.reshape(ops.matmul_each(chosen, ops.reshape(x, (batch, size, -1))), x.shape)


def probability_used(gan: Gan, ops: Ops, arrays: Tensors) -> Tensors:
    """An adaptive probability as a scalar to be logged."""
    adaptive = gan.protocol.augment is not None and gan.protocol.augment.adaptive
    return {"augment_probability": ops.sum_over(arrays[PROBABILITY], (0,))} if adaptive else {}


def adapted(runtime: Runtime, gan: Gan, arrays: Tensors, real_logits: Tensor) -> Tensors:
    """The arrays of an adaptive probability, by their names in a state, after an update that saw real images.

    real_logits: (B, 1), of those images, augmented. Sums are of whole numbers, so exact in whatever order they are
    added.
    """
    settings = None if gan.protocol.augment is None else gan.protocol.augment.adaptive
    if settings is None:
        return {}
    ops, realness = runtime.ops, runtime.ops.stop_gradient(gan.loss.realness(real_logits))
    one = ops.ones(realness.shape, realness)
    sign = ops.where(realness > 0.0, one, ops.where(realness < 0.0, -one, 0.0))

    def total(x: Tensor) -> Tensor:
        return ops.reshape(ops.sum_over(runtime.replicas.gather(ops.sum_over(x, (0, 1))), (0,)), (1,))

    signs, images = arrays[SIGNS] + total(sign), arrays[IMAGES] + total(one)
    due, expected = images >= float(settings.interval * gan.protocol.batch_size), settings.target * images
    amount = images / float(settings.images)
    moved = ops.where(signs > expected, amount, ops.where(signs < expected, -amount, 0.0))
    probability = arrays[PROBABILITY]
    return {
        PROBABILITY: ops.where(due, ops.clip(probability + moved, 0.0, 1.0), probability),
        SIGNS: ops.where(due, ops.zeros_like(signs), signs),
        IMAGES: ops.where(due, ops.zeros_like(images), images),
    }
