"""Which class an image looks like: what the extractor says, or the class of most of its nearest real images."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ganforge.evaluation.balls import NEIGHBOURS
from ganforge.evaluation.extracting import Opened
from ganforge.evaluation.features import Features
from ganforge.evaluation.neighbours import centred, distances
from ganforge.spec.arrays import Labels


def recogniser(opened: Opened, real: Features, labels: Labels) -> Callable[[Features], Labels]:
    """A function from features (M, d) to the classes (M,) that the images look like.

    Args:
        opened: the extractor.
        real, labels: features (N, d) of real images, and their classes (N,).
    """
    return opened.extractor.classify or partial(recognised, real, labels)


def recognised(real: Features, labels: Labels, made: Features, *, k: int = NEIGHBOURS) -> Labels:
    """The class of each generated image, (M,): the most frequent among its k nearest real ones, on a tie the lowest.

    Args:
        real, made: features (N, d) and (M, d), N above k.
        labels: of the real images, (N,).
        k: number of neighbours.
    """
    real, made = centred(real, made)
    found = np.empty(len(made), np.int64)
    classes = int(labels.max()) + 1
    for rows, block in distances(made, real):
        nearest = labels[np.argpartition(block, k - 1, axis=1)[:, :k]]
        votes = (nearest[:, :, None] == np.arange(classes)).sum(axis=1)
        found[rows] = votes.argmax(axis=1)
    return found
