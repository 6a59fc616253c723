"""MIND: a Frechet-like distance that sees more than mean and covariance, by slices (arXiv 2605.06797)."""

import numpy as np

from ganforge.errors import EvaluationError
from ganforge.evaluation.features import Features, check_pair
from ganforge.spec import random_streams

DIRECTIONS = 1000
_AT_ONCE = 100


def mind(real: Features, made: Features, *, directions: int = DIRECTIONS, seed: int = 0) -> float:
    """`3 d mean((sort(X u) - sort(Y u))^2)` over unit vectors u: sliced 2-Wasserstein distance, squared and scaled.

    It is too large for few images, as the Frechet distance is, though less so: compare it with the floor.

    Args:
        real, made: features (N, d), of equally many images.
        directions: number of unit vectors, uniform on the sphere.
        seed: of the unit vectors.

    Raises:
        EvaluationError: other numbers of images; features that cannot be measured.
    """
    real, made = check_pair(real, made)
    if len(real) != len(made):
        raise EvaluationError(f"MIND needs as many generated images as real ones, not {len(made):,} and {len(real):,}")
    dimension = real.shape[1]
    total = 0.0
    for at in range(0, directions, _AT_ONCE):
        count = min(_AT_ONCE, directions - at)
        unit = random_streams.generator(seed, "mind", at).standard_normal((dimension, count))
        unit /= np.linalg.norm(unit, axis=0)
        apart = np.sort((real @ unit).T, axis=1) - np.sort((made @ unit).T, axis=1)
        total += float(np.square(apart).sum())
    return float(3 * dimension * total / (directions * len(real)))
