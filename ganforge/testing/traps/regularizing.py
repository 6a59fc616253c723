"""Traps of consistency and LeCam."""

from typing import Any

from ganforge.backend.contract import CONSISTENCY_FAKE_PASS, CONSISTENCY_REAL_PASS
from ganforge.spec.arrays import Array
from ganforge.spec.regularization import LeCam
from ganforge.testing.differentiable import Tensor, getval, np
from ganforge.testing.regularizers import inconsistency, lecam_term, moved_anchors
from ganforge.testing.semantics import Semantics
from ganforge.testing.traps.trap import Trap

_TRUE = Semantics()


def _towards_the_first(before: Tensor, after: Tensor) -> Tensor:
    return inconsistency(getval(before), after)


def _own_anchors(logits: tuple[Tensor, Tensor], anchors: tuple[Array, Array]) -> Tensor:
    return lecam_term(logits, (anchors[1], anchors[0]))


def _one_sided(logits: tuple[Tensor, Tensor], anchors: tuple[Array, Array]) -> Tensor:
    (real, fake), (real_anchor, fake_anchor) = logits, anchors
    return np.mean(np.maximum(real - fake_anchor, 0.0) ** 2) + np.mean(np.maximum(real_anchor - fake, 0.0) ** 2)


def _fractions_exchanged(settings: LeCam, logits: tuple[Tensor, Tensor], anchors: tuple[Array, Array]) -> Any:
    return moved_anchors(LeCam(decay=1.0 - settings.decay), logits, anchors)


REGULARIZATION_TRAPS = (
    Trap(
        name="consistency-one-sided",
        number=50,
        what="the logit of the image before its augmentation is a constant in the consistency's term",
        remedy="derivatives go through both passes",
        semantics=Semantics(inconsistency=_towards_the_first),
    ),
    Trap(
        name="moved-by-consistency",
        number=50,
        what="the discriminator's running values move in the passes of consistency",
        remedy="only the real pass and the fake one move them",
        semantics=Semantics(
            moving=_TRUE.moving | {("discriminator", CONSISTENCY_REAL_PASS), ("discriminator", CONSISTENCY_FAKE_PASS)}
        ),
    ),
    Trap(
        name="lecam-own-anchors",
        number=51,
        what="LeCam draws real logits to the average of the real ones, and fake ones to that of the fakes",
        remedy="each side is held near the average of the other",
        semantics=Semantics(lecam_term=_own_anchors),
    ),
    Trap(
        name="lecam-one-sided",
        number=51,
        what="LeCam counts real logits above the fakes' average alone, and fake ones below that of the real ones",
        remedy="take the squares of all differences",
        semantics=Semantics(lecam_term=_one_sided),
    ),
    Trap(
        name="lecam-fractions-exchanged",
        number=51,
        what="LeCam's averages keep 1 - decay of themselves",
        remedy="average = decay * average + (1 - decay) * mean",
        semantics=Semantics(moved_anchors=_fractions_exchanged),
    ),
)
