"""The terms beside a penalty, written a second time."""

from typing import Any

import numpy

from ganforge.spec.arrays import Array
from ganforge.spec.regularization import LeCam
from ganforge.testing.differentiable import Tensor, getval, np


def inconsistency(before: Tensor, after: Tensor) -> Tensor:
    """Mean squared difference of logits."""
    return np.mean((after - before) ** 2)


def lecam_term(logits: tuple[Tensor, Tensor], anchors: tuple[Array, Array]) -> Tensor:
    """Of real and fake logits, from the anchors of the other side."""
    (real, fake), (real_anchor, fake_anchor) = logits, anchors
    return np.mean((real - fake_anchor) ** 2) + np.mean((fake - real_anchor) ** 2)


def moved_anchors(settings: LeCam, logits: tuple[Tensor, Tensor], anchors: tuple[Array, Array]) -> tuple[Any, Any]:
    """The anchors of real and fake images after an update."""
    real, fake = (
        numpy.asarray(anchor + (1.0 - settings.decay) * (getval(each).mean() - anchor), anchor.dtype)
        for each, anchor in zip(logits, anchors, strict=True)
    )
    return real, fake
