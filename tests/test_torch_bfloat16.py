"""bfloat16 in PyTorch: the arrays of float32, and steps that go the same way, roughly."""

import numpy as np
import pytest

from ganforge.gan import Gan
from ganforge.testing.tiny import FLOAT64_ONLY, TINY, inputs

torch = pytest.importorskip("torch")

from ganforge_torch.session import TorchSession, open_session  # noqa: E402

SEED = 5


def opened(gan: Gan, precision: str) -> TorchSession:
    return open_session(gan, gan.initial_state(SEED), precision, "cpu")


@pytest.mark.parametrize("name", sorted(set(TINY) - FLOAT64_ONLY))
def test_a_step_goes_the_way_of_float32(name: str) -> None:
    gan = TINY[name]
    rough, exact = (opened(gan, precision).step(inputs(gan, SEED, 0)) for precision in ("bfloat16", "float32"))
    assert set(rough) == set(exact)
    for scalar, value in exact.items():
        assert abs(float(rough[scalar]) - float(value)) < 0.05 * max(1.0, abs(float(value))), scalar


def test_products_are_of_bfloat16_and_nothing_that_is_kept() -> None:
    gan = TINY["labels"]
    session, exact = opened(gan, "bfloat16"), opened(gan, "float32")
    found, expected = session.gradients(inputs(gan, SEED, 0)), exact.gradients(inputs(gan, SEED, 0))
    kernel = "discriminator/" + next(name for name in gan.parameters("discriminator")).name
    assert 0.0 < np.abs(found[kernel] - expected[kernel]).max() < 0.05 * np.abs(expected[kernel]).max()
    session.step(inputs(gan, SEED, 0))
    state = session.state()
    assert {array.dtype for array in state.values()} == {np.dtype(np.float32)}
    moved = state[kernel].view(np.uint32) & 0xFFFF
    assert moved.any(), "weights keep the 24 bits of float32"


def test_pictures_are_those_of_float32() -> None:
    gan = TINY["labels"]
    fed = inputs(gan, SEED, 0).generator[0]
    rough, exact = (opened(gan, each).generate(fed.latents, fed.labels) for each in ("bfloat16", "float32"))
    assert rough.dtype == np.float32
    assert rough.tobytes() == exact.tobytes()


def test_the_same_steps_give_the_same_bits() -> None:
    gan = TINY["labels"]
    first, second = opened(gan, "bfloat16"), opened(gan, "bfloat16")
    for step in range(3):
        if step == 2:
            second.load_state(second.state())
        first.step(inputs(gan, SEED, step))
        second.step(inputs(gan, SEED, step))
    ends = first.state(), second.state()
    assert all(ends[0][name].tobytes() == ends[1][name].tobytes() for name in gan.shapes)
