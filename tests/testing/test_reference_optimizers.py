"""The optimizers of the reference against numbers written out from the papers' formulas."""

from math import sqrt

import numpy as np
import pytest

from ganforge.spec.optimizers import SGD, Adam, RMSprop
from ganforge.testing.optimizers import update


def walk(optimizer, gradients, start=1.0):
    """The weight after each gradient."""
    weights, kept = np.array(start), {name: np.array(0.0) for name in optimizer.slots()}
    path = []
    for done, g in enumerate(gradients):
        weights, kept = update(optimizer, weights, np.array(g), kept, optimizer.scale(done))
        path.append(float(weights))
    return path


def test_adam_is_algorithm_1():
    # Step 1: corrected m = 2, corrected v = 4. Step 2, gradient 1: m = .5 * 1 + .5 = 1, corrected 1 / (1 - .25);
    # v = .75 * 1 + .25 = 1, corrected 1 / (1 - .5625).
    first = 1 - 0.1 * 2 / (2 + 0.01)
    second = first - 0.1 * (1 / 0.75) / (sqrt(1 / 0.4375) + 0.01)
    optimizer = Adam(learning_rate=0.1, beta1=0.5, beta2=0.75, epsilon=0.01)
    assert walk(optimizer, [2, 1]) == pytest.approx([first, second], rel=1e-15)


def test_adam_with_epsilon_hat_adds_it_to_the_uncorrected_root():
    # The end of section 2. Step 1: m = 1, v = 1; step 2, gradient 1: m = 1, v = 1.
    first = 1 - 0.1 * sqrt(0.25) / 0.5 * 1 / (1 + 0.01)
    second = first - 0.1 * sqrt(0.4375) / 0.75 * 1 / (1 + 0.01)
    optimizer = Adam(learning_rate=0.1, beta1=0.5, beta2=0.75, epsilon=0.01, epsilon_hat=True)
    assert walk(optimizer, [2, 1]) == pytest.approx([first, second], rel=1e-15)


def test_rmsprop_with_epsilon_on_either_side_of_the_root():
    # v = .25 * 16 = 4, then .75 * 4 + .25 * 4 = 4.
    outside = RMSprop(learning_rate=0.1, rho=0.75, epsilon=0.5)
    assert walk(outside, [4, -2]) == pytest.approx([1 - 0.4 / 2.5, 1 - 0.4 / 2.5 + 0.2 / 2.5], rel=1e-15)
    inside = RMSprop(learning_rate=0.1, rho=0.75, epsilon=5.0, epsilon_inside_sqrt=True)
    assert walk(inside, [4, -2]) == pytest.approx([1 - 0.4 / 3, 1 - 0.4 / 3 + 0.2 / 3], rel=1e-15)


def test_sgd_keeps_gradients_in_its_buffer():
    assert walk(SGD(learning_rate=0.5), [1, 2]) == [0.5, -0.5]
    # The rate halves at update 2; what is in the buffer is not scaled by the old one.
    assert walk(SGD(learning_rate=0.5, momentum=0.5, rate_decay=1.0), [1, 2]) == [0.5, 0.5 - 0.25 * 2.5]


def test_clipping_comes_first():
    assert walk(SGD(learning_rate=1.0, momentum=0.5, clip=0.25), [8, -8]) == [0.75, 0.75 - (0.125 - 0.25)]
    assert walk(Adam(learning_rate=0.1, clip=1e-3, epsilon=1e-3), [7]) == pytest.approx(
        [1 - 0.1 * 1e-3 / 2e-3], rel=1e-12
    )


@pytest.mark.parametrize(
    "optimizer", [Adam(), RMSprop(learning_rate=1.0), SGD(learning_rate=1.0), SGD(learning_rate=1.0, momentum=0.9)]
)
def test_a_zero_gradient_moves_nothing(optimizer):
    assert walk(optimizer, [0.0, 0.0]) == [1.0, 1.0]
