"""Real images in two halves: those to compare with, and others that show what real images themselves would get."""

from dataclasses import dataclass

import numpy as np

from ganforge.data.preparing import Prepared
from ganforge.errors import EvaluationError
from ganforge.evaluation.measures import LEAST
from ganforge.spec import random_streams
from ganforge.spec.arrays import Images, Labels

SEED = 0
"""Of the choice of real images, of subsets and of directions."""


@dataclass(frozen=True, kw_only=True)
class Halves:
    """Equally many real images twice, chosen at random, none in both."""

    images: tuple[Images, Images]
    labels: tuple[Labels, Labels] | None
    class_names: tuple[str, ...]

    @property
    def count(self) -> int:
        """Images in each."""
        return len(self.images[0])


def halves_of(prepared: Prepared, count: int) -> Halves:
    """`count` real images and `count` others.

    Raises:
        EvaluationError: they are too few to measure.
    """
    if count < LEAST:
        raise EvaluationError(
            f"{len(prepared.images):,} real images are too few: of them {count:,} could be compared with as many "
            f"generated ones and as many others, and {LEAST} is the least; thousands are better"
        )
    order = random_streams.generator(SEED, "evaluation").permutation(len(prepared.images))
    first, second = np.sort(order[:count]), np.sort(order[count : 2 * count])
    labels = prepared.labels
    return Halves(
        images=(prepared.images[first], prepared.images[second]),
        labels=None if labels is None else (labels[first], labels[second]),
        class_names=prepared.class_names,
    )
