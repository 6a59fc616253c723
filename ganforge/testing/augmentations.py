"""Augmentation written a second time: image by image, with slices where the core has products."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy

from ganforge.spec.arrays import Array
from ganforge.spec.augmentation import Adaptive, Augmentation, Draws, cut
from ganforge.testing.differentiable import Tensor, getval, np, put, take

Change: TypeAlias = Callable[[Tensor, Draws, Augmentation], Tensor]
"""`(image, drawn, settings)`: an image (height, width, channels) in [-1, 1], changed as was drawn for it."""


def flip(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    """Left to right."""
    return take(x, (slice(None), slice(None, None, -1)))


def brightness(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    """One number added."""
    return x + drawn.brightness


def saturation(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    """Away from each pixel's grey, the mean of its channels."""
    grey = np.mean(x, axis=2, keepdims=True)
    return grey + drawn.saturation * (x - grey)


def contrast(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    """Away from the mean of the image."""
    mean = np.mean(x)
    return mean + drawn.contrast * (x - mean)


def translation(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    """Down and to the right; what comes in is 0."""
    steps = int(drawn.down), int(drawn.right)
    stays = tuple(slice(max(-step, 0), side - max(step, 0)) for step, side in zip(steps, x.shape[:2], strict=True))
    goes = tuple(slice(max(step, 0), side - max(-step, 0)) for step, side in zip(steps, x.shape[:2], strict=True))
    return put(take(x, stays), goes, x.shape)


def cutout(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    """0 in a box."""
    rows, columns = cut(settings, x.shape)
    top, left = int(drawn.top), int(drawn.left)
    kept = numpy.ones(x.shape, getval(x).dtype)
    kept[max(top, 0) : top + rows, max(left, 0) : left + columns] = 0.0
    return x * kept


CHANGES: Mapping[str, tuple[str, float, Change]] = {
    "flip": ("flips", 0.5, flip),
    "brightness": ("brightens", 1.0, brightness),
    "saturation": ("saturates", 1.0, saturation),
    "contrast": ("contrasts", 1.0, contrast),
    "translation": ("shifts", 1.0, translation),
    "cutout": ("cuts", 1.0, cutout),
}
"""By setting, in this order: the lot that decides, the factor of the probability, what is done."""


def augmented(
    changes: Mapping[str, tuple[str, float, Change]],
    settings: Augmentation,
    images: Tensor,
    draws: Array,
    probability: Any,
    low: float,
) -> Tensor:
    """Images (B, height, width, channels) of a pixel range that begins at `low`."""
    shown = []
    for number, row in enumerate(draws):
        drawn = Draws(*row)
        x = take(images, (number,))
        x = x if low else 2.0 * x - 1.0
        for name, (lot, factor, change) in changes.items():
            if getattr(settings, name) and getattr(drawn, lot) < factor * probability:
                x = change(x, drawn, settings)
        shown.append(x if low else (x + 1.0) / 2.0)
    return np.stack(shown)


def adapted(settings: Adaptive, batch_size: int, before: tuple[Any, Any, Any], logits: Array) -> tuple[Any, Any, Any]:
    """The probability, the sum of signs and the count of images after another batch of real logits."""
    probability, signs, images = before
    signs, images = signs + numpy.sign(logits).sum(), images + len(logits)
    if images < settings.interval * batch_size:
        return probability, signs, images
    step = numpy.sign(signs - signs.dtype.type(settings.target) * images) * images / settings.images
    return numpy.clip(probability + step, 0.0, 1.0), 0.0 * signs, 0.0 * images
