"""bfloat16: the arrays of float32, and steps that go the same way, roughly."""

from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
from frameworks import FRAMEWORKS, TORCH_FIRST, need

from ganforge.backend.contract import Precision, Session
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan
from ganforge.testing.tiny_gans import FLOAT64_ONLY, TINY, inputs

OpenSession = Callable[[Gan, State, Precision, str], Session]
SEED = 5


def opener(framework: str) -> OpenSession:
    need(framework)
    return import_module(f"ganforge_{framework}.runtime").open_session


@pytest.fixture(params=TORCH_FIRST)
def open_session(request: pytest.FixtureRequest) -> OpenSession:
    return opener(request.param)


def opened(open_session: OpenSession, gan: Gan, precision: Precision) -> Session:
    return open_session(gan, gan.initial_state(SEED), precision, "cpu")


NAMES = sorted(set(TINY) - FLOAT64_ONLY)
SEVERAL = ("labels", "residuals", "hinge-r1", "spectral-norm", "shared-average")
"""Those of the frameworks that compile every one for seconds."""
FAST = {"torch": NAMES, "tensorflow": ("labels", "residuals"), "jax": ()}
CASES = [
    pytest.param(each, name, id=f"{each}-{name}", marks=[pytest.mark.slow] * (name not in FAST[each]))
    for each in FRAMEWORKS
    for name in (NAMES if each == "torch" else SEVERAL)
]


@pytest.mark.parametrize(("framework", "name"), CASES)
def test_a_step_goes_the_way_of_float32(framework: str, name: str) -> None:
    open_session = opener(framework)
    gan, fed = TINY[name], inputs(TINY[name], SEED, 0)
    rough, exact = (opened(open_session, gan, precision).step(fed) for precision in ("bfloat16", "float32"))
    assert set(rough) == set(exact)
    assert any(float(rough[scalar]) != float(value) for scalar, value in exact.items())
    for scalar, value in exact.items():
        assert abs(float(rough[scalar]) - float(value)) < 0.05 * max(1.0, abs(float(value))), scalar


def test_products_are_of_bfloat16_and_nothing_that_is_kept(open_session: OpenSession) -> None:
    gan = TINY["labels"]
    session, exact = opened(open_session, gan, "bfloat16"), opened(open_session, gan, "float32")
    found, expected = session.gradients(inputs(gan, SEED, 0)), exact.gradients(inputs(gan, SEED, 0))
    kernel = "discriminator/" + next(name for name in gan.parameters("discriminator")).name
    assert 0.0 < np.abs(found[kernel] - expected[kernel]).max() < 0.05 * np.abs(expected[kernel]).max()
    session.step(inputs(gan, SEED, 0))
    state = session.state()
    assert {array.dtype for array in state.values()} == {np.dtype(np.float32)}
    moved = state[kernel].view(np.uint32) & 0xFFFF
    assert moved.any(), "weights keep the 24 bits of float32"


def test_images_are_those_of_float32(open_session: OpenSession) -> None:
    gan = TINY["labels"]
    fed = inputs(gan, SEED, 0).generator[0]
    rough, exact = (
        opened(open_session, gan, each).generate(fed.latents, fed.labels) for each in ("bfloat16", "float32")
    )
    assert rough.dtype == np.float32
    assert rough.tobytes() == exact.tobytes()


def test_the_same_steps_give_the_same_bits(open_session: OpenSession) -> None:
    gan = TINY["labels"]
    first, second = opened(open_session, gan, "bfloat16"), opened(open_session, gan, "bfloat16")
    for step in range(3):
        if step == 2:
            second.load_state(second.state())
        first.step(inputs(gan, SEED, step))
        second.step(inputs(gan, SEED, step))
    ends = first.state(), second.state()
    assert all(ends[0][name].tobytes() == ends[1][name].tobytes() for name in gan.shapes)
