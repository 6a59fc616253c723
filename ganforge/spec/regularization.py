"""Terms that are added to the discriminator's loss, beside a penalty: consistency, and LeCam's anchors."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ganforge.spec.augmentation import Augmentation
from ganforge.spec.layers.initializers import Positive
from ganforge.spec.schedules import NotNegative

ANCHORS = ("lecam/real", "lecam/fake")
"""Arrays of a state, (1,): averages of the discriminator's means for real and for fake images."""


class Consistency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The squared difference of the discriminator's logits for an image and for the same image augmented.

    As it is, of real images alone (Zhang et al. 2020, "Consistency Regularization for Generative Adversarial Networks",
    CR); with `fake` too the balanced form (Zhao et al. 2021, "Improved Consistency Regularization for GANs", bCR).
    """

    real: NotNegative = 10.0
    """Weight of the real images' term."""
    fake: NotNegative = 0.0
    """Weight of the fakes' term: 10 in bCR."""
    augment: Augmentation = Augmentation(flip=True, translation=0.125)

    def __post_init__(self) -> None:
        if not self.real and not self.fake:
            raise ValueError("both weights are 0; give real or fake one, or leave consistency out")
        if self.augment.adaptive:
            raise ValueError("augment.probability must be a number here")


class LeCam(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`mean (D(x) - a_fake)^2 + mean (D(G(z)) - a_real)^2` with averages a of the discriminator's means.

    Tseng et al. 2021, "Regularizing Generative Adversarial Networks under Limited Data", equations 3 and 4.
    """

    weight: Positive = 0.3
    decay: Annotated[float, Meta(ge=0, lt=1)] = 0.99
    """Of the averages, which begin at 0."""
