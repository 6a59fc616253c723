"""Precision, recall, density and coverage: whether images look real, and whether all kinds of real ones occur.

Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models", arXiv 1904.06991,
section 2; Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", arXiv 2002.09797,
section 3.
"""

from dataclasses import dataclass

import numpy as np

from ganforge.errors import EvaluationError
from ganforge.evaluation.features import Features, check_pair
from ganforge.evaluation.neighbours import centred, distances, radii

NEIGHBOURS = 5
"""k of the paper of density and coverage."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """A ball lies around each image and reaches to its k-th nearest of the same kind."""

    precision: float
    """Share of the generated images that lie in a ball of a real one."""
    recall: float
    """Share of the real images that lie in a ball of a generated one."""
    density: float
    """Balls of real images that a generated one lies in, divided by k; the mean, which may be above 1."""
    coverage: float
    """Share of the real images whose ball holds a generated one."""


def coverage(real: Features, made: Features, *, k: int = NEIGHBOURS) -> Coverage:
    """All four, from three passes over distances.

    Args:
        real, made: features (N, d) and (M, d), of more than k images each.
        k: the neighbour that a ball reaches to.

    Raises:
        EvaluationError: k is not positive; k images or fewer; features that cannot be measured.
    """
    if k < 1:
        raise EvaluationError(f"balls reach to the k-th neighbour, k = 1 or more, not {k}")
    real, made = check_pair(real, made, least=k + 1)
    real, made = centred(real, made)
    real_radii, made_radii = radii(real, k), radii(made, k)
    balls = np.zeros(len(made))
    recalled = covered = 0
    for rows, block in distances(real, made):
        inside = block < real_radii[rows, None]
        balls += inside.sum(axis=0)
        covered += int(inside.any(axis=1).sum())
        recalled += int((block < made_radii).any(axis=1).sum())
    return Coverage(
        precision=float((balls > 0).mean()),
        recall=recalled / len(real),
        density=float(balls.mean() / k),
        coverage=covered / len(real),
    )
