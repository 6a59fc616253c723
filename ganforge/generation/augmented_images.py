"""Augmented images for people: each image beside what the discriminator may be shown of it."""

import numpy as np

from ganforge.backend.host_augmenting import augmented_on_host
from ganforge.generation.grids import to_pixels
from ganforge.spec import random_streams
from ganforge.spec.arrays import Images
from ganforge.spec.augmentation import Augmentation, check_fits, draw


def augmented_rows(settings: Augmentation, images: Images, *, columns: int, seed: int) -> Images:
    """Of each of N images a row of `columns`: itself, then augmented; (N * columns, height, width, channels).

    An adaptive probability is shown at its highest, 1.

    Raises:
        SpecError: such images cannot be augmented so.
    """
    count, *shape = images.shape
    height, width, channels = shape
    check_fits(settings, (height, width, channels))
    repeated = np.repeat(images, columns - 1, axis=0)
    draws = draw(settings, (height, width, channels), random_streams.generator(seed, "augment/shown"), len(repeated))
    probability = settings.probability if isinstance(settings.probability, float) else 1.0
    shown = augmented_on_host(settings, repeated / 127.5 - 1.0, draws, probability, (-1.0, 1.0))
    rows = to_pixels(shown, (-1.0, 1.0)).reshape(count, columns - 1, *shape)
    return np.concatenate([images[:, None], rows], axis=1).reshape(-1, *shape)
