"""Augmented images without a framework, to be looked at: the same definition over NumPy."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganforge.backend.augmenting import augmented
from ganforge.spec.arrays import Array
from ganforge.spec.augmentation import Augmentation


class _Host:
    """Of `ganforge.spec.Ops` what augmentation needs, on NumPy arrays."""

    where = staticmethod(np.where)
    reshape = staticmethod(np.reshape)
    transpose = staticmethod(np.transpose)
    matmul_each = staticmethod(np.matmul)

    def like(self, x: Array, other: Array) -> Array:
        return x.astype(other.dtype)

    def arange(self, count: int, like: Array) -> Array:
        return np.arange(count, dtype=like.dtype)

    def mean_over(self, x: Array, axes: Sequence[int]) -> Array:
        return np.asarray(x.mean(tuple(axes)))


_HOST: Any = _Host()


def augmented_on_host(
    settings: Augmentation, images: Array, draws: Array, probability: float, pixel_range: tuple[float, float]
) -> Array:
    """Images (B, height, width, channels) as the discriminator is shown them; see `augmented`."""
    return np.asarray(augmented(_HOST, settings, images, draws, probability, pixel_range))
