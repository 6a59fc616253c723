"""Losses and penalties, each written once over a small `Ops` namespace and run by every backend.

All of them take logits, never probabilities: log(sigmoid(x)) is exact where log(p) is not. All of them are means over
the batch. The logits of a loss with `classifies` go on, behind its `outputs`, with one for each class. A third party's
loss is a `LossEntry` from the hook `ganforge_losses()`; docs/write-a-loss.md shows one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ganforge.spec.ops import Ops, Tensor


class Targets(NamedTuple):
    """What the logits are trained towards, smoothing, flips and noise included; each (batch, 1)."""

    real: Tensor
    fake: Tensor
    labels: Tensor | None = None
    """(batch, classes), one-hot: of the real image and of the fake in each row. None unless the loss `classifies`."""


def _the_logit(logits: Tensor) -> Tensor:
    return logits


@dataclass(frozen=True, kw_only=True)
class LossEntry:
    """A loss that a recipe can name."""

    name: str
    summary: str
    discriminator: Callable[[Ops, Tensor, Tensor, Targets], tuple[Tensor, Tensor]]
    """`(ops, real logits, fake logits, targets) -> (real term, fake term)`; their sum is minimised.

    A loss of pairs, which has one term, gives half of it twice.
    """
    generator: Callable[[Ops, Tensor, Tensor, Targets], Tensor]
    """`(ops, real logits, fake logits, targets) -> scalar`; both targets are the real one, without noise.

    The real logits are None unless `generator_sees_real`.
    """
    outputs: int = 1
    """Logits per image, those of classes not counted."""
    realness: Callable[[Tensor], Tensor] = _the_logit
    """`logits (batch, outputs) -> (batch, 1)`: how real each image is taken to be, by + - * / and slices alone.

    For people, who are shown its means and histograms; nothing is trained by it. By default the one logit there is.
    """
    classifies: bool = False
    """The discriminator also has a logit for each class, behind the `outputs`, and the targets have the labels.

    A penalty's critic gives the `outputs` alone.
    """
    uses_targets: bool = False
    logits_reach_targets: bool = False
    """The logits are trained to equal the targets, so that real and fake part between these, not at 0."""
    generator_sees_real: bool = False
    shift_invariant: bool = False
    """The discriminator's terms do not change when each output is shifted by a number of its own.

    The bias of a single logit then has no gradient but rounding noise, and is left where it is.
    """

    def logits(self, classes: int) -> int:
        """Logits per image of a discriminator of images of so many classes."""
        return self.outputs + classes if self.classifies else self.outputs


@dataclass(frozen=True, kw_only=True)
class PenaltyEntry:
    """A penalty on the discriminator that a recipe can name."""

    name: str
    summary: str
    penalty: Callable[[Ops, Callable[[Tensor], Tensor], Tensor, Tensor, Tensor], Tensor]
    """`(ops, critic, real, fake, interpolation) -> scalar`.

    `critic` maps images to logits; `interpolation`, (batch, 1, 1, 1), is drawn from U(0, 1).
    """
