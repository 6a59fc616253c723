"""Features of a network that has learned nothing: random convolutions, the same everywhere, in NumPy.

Random filters tell images apart by texture, contrast and coarse layout, which is enough to see noise, blur and missing
kinds (Saxe et al. 2011, "On random weights and unsupervised feature learning", ICML, section 2; Naeem et al. 2020,
arXiv 2002.09797, section 4.3, "random embeddings"). They know nothing of what an image shows.
"""

import numpy as np
import numpy.typing as npt

from ganforge.data.contract import ImageShape
from ganforge.data.extractors import Extractor
from ganforge.errors import EvaluationError
from ganforge.spec import random_streams
from ganforge.spec.arrays import Array, Images

_Maps = npt.NDArray[np.float32]
"""(N, height, width, channels)."""

_FILTERS = (16, 32, 64)
_GRID = 2
"""Each map is averaged in 2x2 parts of the image."""
_SMALL = np.float32(0.01)
"""The root's slope is finite at 0, where it is 5."""
_AT_ONCE = 128
"""Images that fit into the processor's cache with what is made of them, more or less."""


def open_random(shape: ImageShape, argument: str | None) -> Extractor:
    """Three layers of random 3x3 convolutions; the argument is another seed of their weights than 0.

    Raises:
        EvaluationError: the argument is no whole number; images of fewer than 4 pixels a side.
    """
    if argument is not None and not argument.isdecimal():
        raise EvaluationError(f"extractor random: {argument!r} is no seed, as random:1")
    height, width, channels = shape
    if min(height, width) < 4:
        raise EvaluationError(f"extractor random: images of {height}x{width} are too small; 4x4 is the least")
    seed = int(argument or 0)
    weights = _weights(seed, channels, min(height, width))

    def features(images: Images) -> Array:
        parts = [_features(images[at : at + _AT_ONCE], weights) for at in range(0, len(images), _AT_ONCE)]
        return np.concatenate(parts).astype(np.float64)

    return Extractor(
        dimension=(_GRID * _GRID + 1) * sum(kernel.shape[1] for kernel in weights),
        fingerprint=f"random 1, seed {seed}, layers {len(weights)}",
        resizing="none",
        function=features,
    )


def _weights(seed: int, channels: int, side: int) -> list[_Maps]:
    """Kernels (9 * channels in, channels out), one for each size of the image from which 2x2 parts can be taken."""
    kernels = []
    for layer, filters in enumerate(_FILTERS):
        if side < 2 * _GRID:
            break
        kernel = random_streams.generator(seed, "random features", layer).standard_normal((9, channels, filters))
        if layer == 0:  # half of them see contrasts alone: fine noise would drown in the brightness of a whole patch
            kernel[..., ::2] -= kernel[..., ::2].mean(axis=0)
        kernel *= np.sqrt(2 / (9 * channels))  # as large going out as coming in: He et al. 2015
        kernels.append(kernel.reshape(9 * channels, filters).astype(np.float32))
        channels, side = filters, side // 2
    return kernels


def _features(images: Images, weights: list[_Maps]) -> _Maps:
    maps = (images.astype(np.float32) - np.float32(127.5)) / np.float32(63.75)
    found = []
    for kernel in weights:
        # The root makes much of weak responses, as of fine noise on a smooth background; not of rounding errors.
        maps = np.sqrt(np.maximum(_convolved(maps, kernel), 0) + _SMALL) - np.sqrt(_SMALL)
        found += [_parts(maps), maps.std(axis=(1, 2))]
        height, width = maps.shape[1] // 2 * 2, maps.shape[2] // 2 * 2
        maps = maps[:, :height, :width].reshape(len(maps), height // 2, 2, width // 2, 2, -1).mean(axis=(2, 4))
    return np.concatenate(found, axis=1)


def _convolved(maps: _Maps, kernel: _Maps) -> _Maps:
    """3x3, the image going on beyond its edge as at it."""
    count, height, width, channels = maps.shape
    wide = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    windows = [wide[:, row : row + height, column : column + width] for row in range(3) for column in range(3)]
    patches = np.concatenate(windows, axis=3).reshape(-1, 9 * channels)
    return np.asarray(patches @ kernel).reshape(count, height, width, -1)


def _parts(maps: _Maps) -> _Maps:
    """Means of 2x2 parts of the image, (N, 4 * channels)."""
    rows = [0, maps.shape[1] // 2, maps.shape[1]]
    columns = [0, maps.shape[2] // 2, maps.shape[2]]
    means = [
        maps[:, rows[i] : rows[i + 1], columns[j] : columns[j + 1]].mean(axis=(1, 2))
        for i in range(_GRID)
        for j in range(_GRID)
    ]
    return np.concatenate(means, axis=1)
