"""Features: what an extractor makes of images, float64 (N, d), held to what the measures can take."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ganforge.errors import EvaluationError

Features = npt.NDArray[np.float64]
"""(N, d): a row for each image."""

_SAME = 1e-6
"""How far the features of equal images may differ, relative to the largest: what rounding leaves."""


def check_features(given: Any, who: str, *, least: int = 2) -> Features:
    """The features as float64, of `least` images or more.

    Args:
        given: an array (N, d).
        who: what to call them in messages, as "the generated images".
        least: the number of images that the measure needs.

    Raises:
        EvaluationError: another shape, too few images, NaN or infinity, or the same row for every image.
    """
    features = np.asarray(given)
    if features.ndim != 2 or not features.shape[1] or features.dtype.kind not in "fiu":
        raise EvaluationError(f"{who}: features are {features.dtype} {features.shape}, not numbers (images, features)")
    if len(features) < least:
        raise EvaluationError(f"{who}: {_images(len(features))}, and this measure needs {least:,} or more")
    features = features.astype(np.float64, copy=False)
    check_finite(features, who)
    if len(features) > 1 and np.ptp(features, axis=0).max() <= _SAME * np.abs(features).max():
        raise EvaluationError(
            f"{who}: all {_images(len(features))} have the same features, so there is no distribution to measure; "
            "look whether the images are all the same"
        )
    return features


def check_finite(features: Features, who: str) -> None:
    """Check that all features (N, d) are numbers. Raises `EvaluationError`: some are NaN or infinite."""
    bad = int(np.count_nonzero(~np.isfinite(features).all(axis=1)))
    if bad:
        raise EvaluationError(f"{who}: the features of {_images(bad)} of {len(features):,} are NaN or infinite")


def check_pair(real: Any, made: Any, *, least: int = 2) -> tuple[Features, Features]:
    """Real and generated features of one extractor. Raises as `check_features`, and where the widths differ."""
    first = check_features(real, "the real images", least=least)
    second = check_features(made, "the generated images", least=least)
    if first.shape[1] != second.shape[1]:
        raise EvaluationError(
            f"the real images have {first.shape[1]} features and the generated ones {second.shape[1]}; take both from "
            "one extractor"
        )
    return first, second


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"
