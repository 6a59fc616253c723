"""Derivatives of the reference against central differences, in float64: every layer, loss and penalty."""

import numpy as np
import pytest
from frameworks import need

from ganforge.spec.gan import NETWORKS
from ganforge.spec.layers import LAYERS
from ganforge.spec.layers.chain import walk
from ganforge.spec.loss_library import LOSSES
from ganforge.spec.losses import LossEntry, PenaltyEntry
from ganforge.testing.tiny_gans import KINKS, TINY, inputs

need("autograd")
from ganforge.testing.differentiable import grad, put, take
from ganforge.testing.differentiable import np as anp
from ganforge.testing.ops import NUMPY_OPS
from ganforge.testing.reference import open_reference
from ganforge.testing.semantics import Semantics
from ganforge.testing.updates import Updates

STEP = 1e-6


def test_the_tiny_gans_have_every_layer_loss_and_penalty():
    kinds = {type(node.layer) for gan in TINY.values() for name in NETWORKS for node in walk(gan.nodes(name))}
    assert kinds == set(LAYERS)
    assert {gan.loss.name for gan in TINY.values()} == {e.name for e in LOSSES if isinstance(e, LossEntry)}
    penalties = {entry.name for entry in LOSSES if isinstance(entry, PenaltyEntry)}
    assert {gan.penalty.name for gan in TINY.values() if gan.penalty} == penalties


@pytest.mark.parametrize("name", [name for name in TINY if name not in KINKS])
def test_every_gradient_is_the_slope_of_the_loss(name):
    gan = TINY[name]
    # A cancelled bias has a gradient too, if only rounding: here it must be seen.
    updates = Updates(gan=gan, semantics=Semantics(gradient=lambda parameter, values: values), dtype=np.float64)
    state, step = gan.initial_state(3), inputs(gan, 0, 0)
    draw = np.random.default_rng(0)
    for network, fed, loss in (
        ("discriminator", step.discriminator[0], updates.discriminator),
        ("generator", step.generator[0], updates.generator),
    ):
        weights = {e.name: state[f"{network}/{e.name}"] for e in gan.parameters(network) if e.trained}
        for array, found in updates.gradients(network, state, fed).items():
            if f"{network}/{array.rpartition('/')[0]}/sigma" in state:
                continue  # u and v are constants of the gradient and follow the kernel in a difference
            way = draw.standard_normal(found.shape)
            ends = [float(loss(state, weights | {array: weights[array] + h * way}, fed).loss) for h in (STEP, -STEP)]
            slope = (ends[0] - ends[1]) / (2 * STEP)
            assert slope == pytest.approx(float((found * way).sum()), rel=1e-6, abs=1e-8), f"{network}/{array}"


@pytest.mark.parametrize("name", [name for name in TINY if name not in KINKS])
def test_biases_that_a_batch_norm_cancels_have_no_slope(name):
    gan = TINY[name]
    updates = Updates(gan=gan, semantics=Semantics(gradient=lambda parameter, values: values), dtype=np.float64)
    state, step = gan.initial_state(3), inputs(gan, 0, 0)
    for network, fed in (("discriminator", step.discriminator[0]), ("generator", step.generator[0])):
        found = updates.gradients(network, state, fed)
        still = {each.name for each in gan.parameters(network) if each.zero_gradient}
        small = {array for array, values in found.items() if np.abs(values).max() < 1e-12}
        assert still <= small
        # Inside the hinge's margin a bias of the logits pulls as hard one way as the other.
        assert small <= still or gan.loss.name == "hinge"


def test_derivatives_where_they_jump():
    gan = TINY["at-zero"]
    state = gan.initial_state(0)
    found = open_reference(gan, state).gradients(inputs(gan, 0, 0))
    pulled = found["discriminator/04_dense/bias"] * state["discriminator/04_dense/kernel"].T
    # Every block begins with zeros, so that it hands back what pulls at it: times the slope, times alpha, or nothing.
    for block, derivative in ((1, 0.15), (2, 0.7), (3, 0.0)):
        expected = derivative * pulled @ state[f"discriminator/{block:02d}_residual/02_dense/kernel"].T
        bias = found[f"discriminator/{block:02d}_residual/00_dense/bias"]
        np.testing.assert_allclose(bias, expected[0], rtol=0, atol=1e-15)
    margin = TINY["at-the-margin"]
    found = open_reference(margin, margin.initial_state(0)).gradients(inputs(margin, 0, 0))
    assert found["discriminator/01_dense/bias"].tolist() == [1.0]  # of the fakes alone: at the margin nothing pulls


def test_taking_and_putting_have_derivatives_of_any_order():
    x = np.arange(1.0, 7.0).reshape(2, 3)
    index = (slice(0, 1), slice(1, 3))

    def cube(x):
        return anp.sum(take(x, index) ** 3) + anp.sum(put(x, (slice(0, 2), slice(0, 3)), (4, 4)) ** 2)

    picked = np.zeros((2, 3))
    picked[index] = 1.0
    assert grad(cube)(x).tolist() == (3 * x**2 * picked + 2 * x).tolist()
    assert grad(lambda x: anp.sum(grad(cube)(x)))(x).tolist() == (6 * x * picked + 2).tolist()


def test_ops():
    ops = NUMPY_OPS
    x = np.array([[-800.0, 0.0], [1.0, 800.0]])
    assert ops.softplus(x).tolist() == [[0.0, np.log(2.0)], [np.log1p(np.e), 800.0]]
    assert ops.log_softmax(x).tolist() == [[-800.0, 0.0], [-799.0, 0.0]]
    assert ops.sum_each(np.ones((2, 3, 4))).tolist() == [12, 12]
    assert ops.relu(x).tolist() == [[0, 0], [1, 800]]
    assert grad(lambda x: anp.sum(ops.relu(x)))(x).tolist() == [[0, 0], [1, 1]]
    assert (ops.mean(x), ops.square(x)[0, 0], ops.sqrt(np.array(9.0))) == (0.25, 640000, 3)
    cube = ops.gradient(lambda x: x * x * x, x)
    assert cube.tolist() == (3 * x * x).tolist()
    assert grad(lambda x: anp.sum(ops.gradient(lambda y: y * y * y, x)))(x).tolist() == (6 * x).tolist()
