"""The loss and the penalty of R3GAN: hand-worked values, and the same numbers on every installed backend."""

import math

import numpy as np
import pytest
from ganforge_loss_r3gan import discriminator, generator, penalty

from ganforge.spec import Targets
from ganforge.testing import NUMPY_OPS, check_loss

REAL, FAKE = np.array([[2.0], [0.0]]), np.array([[1.0], [3.0]])
NO_TARGETS = Targets(None, None)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_a_real_image_is_compared_with_the_fake_beside_it() -> None:
    terms = discriminator(NUMPY_OPS, REAL, FAKE, NO_TARGETS)
    assert sum(terms) == pytest.approx((softplus(1.0 - 2.0) + softplus(3.0 - 0.0)) / 2)
    made = generator(NUMPY_OPS, REAL, FAKE, NO_TARGETS)
    assert made == pytest.approx((softplus(2.0 - 1.0) + softplus(0.0 - 3.0)) / 2)


def test_the_penalty_of_a_parabola() -> None:
    real, fake = np.full((4, 1, 1, 1), 2.0), np.full((4, 1, 1, 1), 3.0)
    slopes = 2 * 2.0, 2 * 3.0  # of x squared
    found = penalty(NUMPY_OPS, lambda x: x * x, real, fake, np.zeros((4, 1, 1, 1)))
    assert found == pytest.approx((slopes[0] ** 2 + slopes[1] ** 2) / 2)


@pytest.mark.parametrize("name", ["relativistic-paired", "r1-r2"])
def test_it_is_what_it_says_on_every_installed_backend(name: str) -> None:
    check_loss(name)
