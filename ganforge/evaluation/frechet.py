"""Frechet distance of two Gaussians: Heusel et al. 2017, "GANs trained by a two time-scale update rule", section 3.

With the features of Inception-v3 it is called FID. Here it has no such name, since the features may be any.
"""

import numpy as np

from ganforge.evaluation.features import Features, check_pair


def frechet_distance(real: Features, made: Features) -> float:
    """`|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`, with covariances divided by N - 1.

    The covariances are never formed. With centred features A and B, C1 = A'A and C2 = B'B up to the division, and the
    trace of the root is the sum of the singular values of A B'. The QR decompositions of A and B make that matrix
    small. No root of a rounding error is taken, so that singular covariances are as accurate as others; the root of
    C1 C2 by eigenvalues or by Schur's method loses half of the digits there.

    It is too large for few images, by about `tr(C) d / N` at first: see `is_biased`.

    Args:
        real, made: features (N, d) and (M, d), of two images or more each.

    Raises:
        EvaluationError: features that cannot be measured.
    """
    real, made = check_pair(real, made)
    first, second = _root(real), _root(made)
    means = real.mean(axis=0) - made.mean(axis=0)
    root = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return float(means @ means + np.square(first).sum() + np.square(second).sum() - 2 * root)


def is_biased(images: int, dimension: int) -> bool:
    """Whether there are so few images (n < 2 d) that the distance says more of their number than of their quality."""
    return images < 2 * dimension


def _root(features: Features) -> Features:
    """R (min(N, d), d) with R'R the covariance."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(features) > features.shape[1] else centred
