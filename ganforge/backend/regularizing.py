"""Terms of the discriminator's loss beside a penalty, and what they keep for its next update."""

from collections.abc import Callable
from typing import NamedTuple

from ganforge.backend.augmenting import augmented
from ganforge.backend.contract import CONSISTENCY_FAKE_PASS, CONSISTENCY_REAL_PASS
from ganforge.backend.feed import DiscriminatorFeed
from ganforge.backend.model import Model
from ganforge.backend.runtime import Tensors
from ganforge.spec.ops import Tensor
from ganforge.spec.regularization import ANCHORS


class Both(NamedTuple):
    """Of the real images and of the fakes in an update."""

    real: Tensor
    fake: Tensor


class Term(NamedTuple):
    """What is added to a loss."""

    weight: float
    value: Tensor


def regularization(
    model: Model,
    arrays: Tensors,
    batch: DiscriminatorFeed,
    shown: Both,
    logits: Both,
    judge: Callable[[Tensor, Tensor | None, int], Tensor],
) -> dict[str, Term]:
    """The terms by the names of their scalars.

    shown: the images that were judged; logits: what came of it. judge: `(images, labels, pass) -> logits`.
    """
    gan, ops = model.gan, model.runtime.ops
    consistency, lecam, realness = gan.protocol.consistency, gan.protocol.lecam, gan.loss.realness
    terms: dict[str, Term] = {}

    def inconsistency(images: Tensor, draws: Tensor | None, number: int, before: Tensor) -> Tensor:
        assert consistency is not None and isinstance(consistency.augment.probability, float)
        settings, probability = consistency.augment, consistency.augment.probability
        other = augmented(ops, settings, images, draws, probability, gan.pixel_range)
        return ops.mean(ops.square(realness(judge(other, batch.labels, number)) - realness(before)))

    if consistency is not None and consistency.real:
        found = inconsistency(shown.real, batch.real_consistency_draws, CONSISTENCY_REAL_PASS, logits.real)
        terms["d_consistency_real"] = Term(consistency.real, found)
    if consistency is not None and consistency.fake:
        found = inconsistency(shown.fake, batch.fake_consistency_draws, CONSISTENCY_FAKE_PASS, logits.fake)
        terms["d_consistency_fake"] = Term(consistency.fake, found)
    if lecam is not None:
        real, fake = (arrays[name] for name in ANCHORS)
        far = ops.mean(ops.square(realness(logits.real) - fake)) + ops.mean(ops.square(realness(logits.fake) - real))
        terms["d_lecam"] = Term(lecam.weight, far)
    return terms


def moved_anchors(model: Model, arrays: Tensors, logits: Both) -> Tensors:
    """LeCam's averages after an update, by their names in a state."""
    lecam, ops = model.gan.protocol.lecam, model.runtime.ops
    if lecam is None:
        return {}
    means = (ops.stop_gradient(ops.mean(model.gan.loss.realness(each))) for each in logits)
    return {
        name: lecam.decay * arrays[name] + (1.0 - lecam.decay) * mean for name, mean in zip(ANCHORS, means, strict=True)
    }
