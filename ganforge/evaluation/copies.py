"""Did it copy? The nearest training image of each generated one, and whether that is nearer than it should be.

The test of Meehan et al. 2020, "A non-parametric test to detect data-copying in generative models" (AISTATS), section
3, with a share in place of its statistic. Where they hold real images out, here each real image is held out alone: its
distance to the nearest of all the others. So nothing has to be kept from training.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganforge.evaluation.features import Features, check_pair
from ganforge.evaluation.neighbours import centred, distances
from ganforge.generation.grids import grid, save_png
from ganforge.spec import random_streams
from ganforge.spec.arrays import Images

TYPICAL, CLOSE = 0.5, 0.01
"""Shares of the real images that are nearer to another real one than the two limits are."""
_SHOWN = 12

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many generated images are nearer to a training image than a limit, and how many there should be."""

    found: float
    expected: float
    """The same share of real images, each held out alone."""
    deviation: float
    """Standard deviation of the share of so many images that have copied nothing."""


@dataclass(frozen=True, kw_only=True)
class Copies:
    """What the nearest training images say."""

    extractor: str
    subject: str
    training: int
    """Training images that were looked through: all."""
    typical: Share
    """Nearer than half of the real images are to another one. More than expected: drawn to training images."""
    close: Share
    """Nearer than the nearest hundredth of the real images. More than expected: some are copies."""
    pairs: tuple[tuple[int, int], ...]
    """The closest first: positions of a generated image and of its nearest training image."""

    def __str__(self) -> str:
        """Two sentences."""
        return (
            f"did it copy? {self.subject}, extractor {self.extractor}, all {self.training:,} training images: "
            f"{_said(self.typical)} nearer to one than half of the real images are to another, "
            f"{_said(self.close)} nearer than the nearest hundredth of the real images"
        )


def find_copies(training: Features, made: Features, *, extractor: str, subject: str, seed: int = 0) -> Copies:
    """Compare distances from generated images to training images with those among training images.

    Args:
        training: features (N, d) of all training images.
        made: features (M, d).
        extractor, subject: their names.
        seed: of the choice of at most M real images that are held out, one at a time.

    Raises:
        EvaluationError: features that cannot be measured.
    """
    training, made = check_pair(training, made, least=3)
    training, made = centred(training, made)
    held_out = random_streams.generator(seed, "held out").permutation(len(training))[: len(made)]
    real, _ = _nearest(training[held_out], training, held_out)
    found, nearest = _nearest(made, training, None)
    order = np.argsort(found, kind="stable")
    return Copies(
        extractor=extractor,
        subject=subject,
        training=len(training),
        typical=_share(found, real, TYPICAL),
        close=_share(found, real, CLOSE),
        pairs=tuple((int(index), int(nearest[index])) for index in order),
    )


def draw_pairs(copies: Copies, made: Images, training: Images, path: Path) -> None:
    """Write a PNG of the closest pairs: generated images above, the nearest training image of each below."""
    pairs = copies.pairs[:_SHOWN]
    images = np.stack([made[index] for index, _ in pairs] + [training[index] for _, index in pairs])
    caption = f"{copies.subject}: closest to a training image, by {copies.extractor}"
    sheet = grid(images, columns=len(pairs), caption=caption, rows=["generated", "training"])
    save_png(sheet if isinstance(sheet, Image.Image) else Image.fromarray(sheet), path)


def _nearest(x: Features, y: Features, own: Rows | None) -> tuple[Features, Rows]:
    """Squared distance to the nearest row of `y` and its position; `own`: the row of `y` that does not count."""
    found, nearest = np.empty(len(x)), np.empty(len(x), np.int64)
    for rows, block in distances(x, y):
        if own is not None:
            block[np.arange(len(block)), own[rows]] = np.inf
        nearest[rows] = block.argmin(axis=1)
        found[rows] = block[np.arange(len(block)), nearest[rows]]
    return found, nearest


def _share(found: Features, real: Features, part: float) -> Share:
    limit = np.quantile(real, part)
    expected = _below(real, limit)
    # Both shares are counted, one over generated images and one over real ones.
    spread = part * (1 - part) * (1 / len(found) + 1 / len(real))
    return Share(found=_below(found, limit), expected=expected, deviation=float(np.sqrt(spread)))


def _below(values: Features, limit: float) -> float:
    """Share below the limit; those at it count by half, as where real images occur twice and the limit is 0."""
    return float((values < limit).mean() + (values == limit).mean() / 2)


def _said(share: Share) -> str:
    return f"{share.found:.1%} (expected {share.expected:.1%} ± {share.deviation:.1%})"
