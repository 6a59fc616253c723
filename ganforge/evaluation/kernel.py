"""Kernel distance (KID): Bińkowski et al. 2018, "Demystifying MMD GANs", arXiv 1801.01401, section 4 and appendix D."""

from dataclasses import dataclass

import numpy as np

from ganforge.evaluation.features import Features, check_pair
from ganforge.spec import random_streams

SUBSETS, SUBSET_SIZE = 100, 1000
"""As in the paper's code and in torch-fidelity."""


@dataclass(frozen=True, kw_only=True)
class KernelDistance:
    """The mean over subsets, and how far single subsets are from it."""

    mean: float
    deviation: float
    """Standard deviation over the subsets (division by their number)."""
    subsets: int
    size: int
    """Images of either kind in a subset."""


def kernel_distance(
    real: Features, made: Features, *, subsets: int = SUBSETS, size: int = SUBSET_SIZE, seed: int = 0
) -> KernelDistance:
    """The squared maximum mean discrepancy over random subsets: 0 in the mean where both have one distribution.

    Unlike the Frechet distance it has no bias for few images. It may be a little below 0.

    Args:
        real, made: features (N, d) and (M, d).
        subsets: how many are drawn, each without replacement.
        size: images of either kind in one; at most half of those that there are, since subsets that are nearly the
            whole would seem to differ less than they do.
        seed: of the subsets.

    Raises:
        EvaluationError: fewer than 4 images of either kind, or features that cannot be measured.
    """
    real, made = check_pair(real, made, least=4)
    size = min(size, len(real) // 2, len(made) // 2)
    found = np.empty(subsets)
    for number in range(subsets):
        draw = random_streams.generator(seed, "kernel distance", number)
        first = draw.choice(len(real), size, replace=False)
        found[number] = mmd2(real[first], made[draw.choice(len(made), size, replace=False)])
    return KernelDistance(mean=float(found.mean()), deviation=float(found.std()), subsets=subsets, size=size)


def mmd2(x: Features, y: Features) -> float:
    """Unbiased estimate of the squared MMD with kernel (x.y / d + 1)^3: Gretton et al. 2012, JMLR 13, equation 3.

    x: (N, d), y: (M, d); at least two rows each.
    """
    within_x, within_y = _kernel(x, x), _kernel(y, y)
    n, m = len(x), len(y)
    inside = (within_x.sum() - np.trace(within_x)) / (n * (n - 1)) + (within_y.sum() - np.trace(within_y)) / (
        m * (m - 1)
    )
    return float(inside - 2 * _kernel(x, y).mean())


def _kernel(x: Features, y: Features) -> Features:
    product = x @ y.T
    product /= x.shape[1]
    product += 1
    cube = product * product
    cube *= product
    return cube
