"""Augmentation of images in front of the discriminator: what is done to them, how often, and what is drawn for it.

Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training" (DiffAugment), gives the rule of each;
Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data" (ADA), the flip and the probability.
docs/semantics.md has them to the last digit.
"""

from math import floor
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from ganforge.errors import SpecError
from ganforge.spec.arrays import Array
from ganforge.spec.layers.contract import Count
from ganforge.spec.schedules import NotNegative


class Adaptive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A probability that follows how sure the discriminator is of real images (Karras et al. 2020, section 3.1).

    It starts at 0, rises where the mean sign of the real logits is above `target`, and falls where it is below.
    """

    target: Annotated[float, Meta(gt=-1, lt=1)] = 0.6
    interval: Count = 4
    """Batches of the discriminator from one adjustment to the next."""
    images: Count = 500_000
    """Real images in which the probability can go from 0 to 1."""


class Augmentation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done to each image that the discriminator is shown, real or fake; as it is, a setting does nothing.

    Colors are those of images in [-1, 1]. DiffAugment has brightness 0.5, saturation 1, contrast 0.5, translation 0.125
    and cutout 0.5.
    """

    flip: bool = False
    """Left to right, half as often as the others are done."""
    brightness: NotNegative = 0.0
    """Add one number from U(-brightness, brightness) to all of the image."""
    saturation: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Multiply the distance from each pixel's grey by U(1 - saturation, 1 + saturation); nothing on grey images."""
    contrast: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Multiply the distance from the image's mean by U(1 - contrast, 1 + contrast)."""
    translation: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Move by up to this share of each side, in whole pixels; what comes in is middle grey."""
    cutout: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Make a box of this share of each side middle grey; it may reach over the border."""
    probability: Annotated[float, Meta(gt=0, le=1)] | Adaptive = 1.0
    """That each of these is done, drawn for each alone and for each image."""

    def __post_init__(self) -> None:
        if not any(getattr(self, name) for name in SETTINGS):
            raise ValueError(f"nothing is to be done to the images; set one of {', '.join(SETTINGS)}")

    @property
    def adaptive(self) -> Adaptive | None:
        """The controller of the probability, if that is not fixed."""
        return self.probability if isinstance(self.probability, Adaptive) else None


SETTINGS = ("flip", "brightness", "saturation", "contrast", "translation", "cutout")
"""What can be done to an image, in this order."""
PROBABILITY, SIGNS, IMAGES = "augment/probability", "augment/signs", "augment/images"
"""Arrays of a state, (1,): the adaptive probability; since it was last adjusted, the sum of the signs of the real
logits, and how many those are."""


class Draws(NamedTuple):
    """What is drawn for an image: a column each of `draw`'s array, or a tensor of one."""

    # In [0, 1): the augmentation is done where the number is below its probability.
    flips: Any
    brightens: Any
    saturates: Any
    contrasts: Any
    shifts: Any
    cuts: Any
    # How it is done.
    brightness: Any
    saturation: Any
    contrast: Any
    down: Any
    right: Any
    """Pixels."""
    top: Any
    left: Any
    """Of the box that is cut out."""


def draw(settings: Augmentation, image: tuple[int, int, int], stream: np.random.Generator, batch: int) -> Array:
    """What is drawn for a batch of images of one shape, (batch, columns of `Draws`).

    The lots are multiples of 2^-24, so that float32 and float64 compare them with a probability alike.
    """
    unit = Draws(*stream.random((batch, len(Draws._fields)), np.float32).astype(np.float64).T)
    height, width, _ = image
    down, right = (pixels(settings.translation, side) for side in (height, width))
    rows, columns = cut(settings, image)
    drawn = unit._replace(
        brightness=settings.brightness * (2.0 * unit.brightness - 1.0),
        saturation=1.0 + settings.saturation * (2.0 * unit.saturation - 1.0),
        contrast=1.0 + settings.contrast * (2.0 * unit.contrast - 1.0),
        down=np.floor(unit.down * (2 * down + 1)) - down,
        right=np.floor(unit.right * (2 * right + 1)) - right,
        top=np.floor(unit.top * (height + 1 - rows % 2)) - rows // 2,
        left=np.floor(unit.left * (width + 1 - columns % 2)) - columns // 2,
    )
    return np.stack(drawn, axis=1)


def pixels(share: float, side: int) -> int:
    """A share of a side in whole pixels, halves up."""
    return floor(share * side + 0.5)


def cut(settings: Augmentation, image: tuple[int, int, int]) -> tuple[int, int]:
    """(height, width) of the box that is cut out."""
    return pixels(settings.cutout, image[0]), pixels(settings.cutout, image[1])


def check_fits(settings: Augmentation, image: tuple[int, int, int], where: str = "training.augment") -> None:
    """Check that images of a shape can be augmented so.

    Raises:
        SpecError: a share of a side is not a pixel, or nothing would be done to grey images.
    """
    height, width, channels = image
    least = 0.5 / min(height, width)
    for name in ("translation", "cutout"):
        if 0 < getattr(settings, name) < least:
            raise SpecError(
                f"{where}.{name} {getattr(settings, name):g} of {height} x {width} is not a pixel; "
                f"take {least:.2g} or more"
            )
    if channels == 1 and not any(getattr(settings, name) for name in SETTINGS if name != "saturation"):
        raise SpecError(f"{where}.saturation changes nothing of grey images, and nothing else is to be done")
