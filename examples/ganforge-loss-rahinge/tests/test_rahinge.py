"""The loss and the penalty: values computed by hand, and the same numbers on every installed backend."""

import numpy as np
import pytest
from ganforge_loss_rahinge import discriminator, generator, penalty

from ganforge.spec import Targets
from ganforge.testing import NUMPY_OPS, check_loss

REAL, FAKE = np.array([[2.0], [0.0]]), np.array([[1.0], [-3.0]])  # of mean 1 and -1
NO_TARGETS = Targets(None, None)


def test_logits_are_compared_with_the_mean_of_the_others() -> None:
    real, fake = discriminator(NUMPY_OPS, REAL, FAKE, NO_TARGETS)
    assert real == pytest.approx((0 + 0) / 2)  # 3 and 1 above the mean fake
    assert fake == pytest.approx((1 + 0) / 2)  # 0 and 4 below the mean real
    made = generator(NUMPY_OPS, REAL, FAKE, NO_TARGETS)
    assert made == pytest.approx((1 + 5) / 2 + (4 + 2) / 2)


def test_the_penalty_of_a_slope() -> None:
    images = np.zeros((4, 1, 1, 1))
    found = [penalty(NUMPY_OPS, lambda x, slope=slope: slope * x, images, images, images) for slope in (0.5, -3.0)]
    assert found == pytest.approx([0.0, (3 - 1) ** 2])


@pytest.mark.parametrize("name", ["relativistic-hinge", "one-sided"])
def test_it_is_what_it_says_on_every_installed_backend(name: str) -> None:
    check_loss(name)
