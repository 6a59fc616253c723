"""A batch in shares gives what the undivided batch gives, where nothing looks across it."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from frameworks import FRAMEWORKS, need, open_session
from tiers import few

from ganforge.backend import Session
from ganforge.spec.gan import Gan
from ganforge.spec.layers import BatchNorm
from ganforge.spec.layers.contract import Pass
from ganforge.spec.network import Network
from ganforge.testing.tiny_gans import TINY, inputs
from ganforge.training.describing import shares_of_a_batch

# Dropout; a joint batch and shared latents; second derivatives, without and with dropout.
NAMES = ("dropouts", "accumulated-joint", "zero-centered", "wasserstein-gradient")
SHARES = (1, 2, 4)


def without_batch_norms(network: Network) -> Network:
    layers = tuple(layer for layer in network.layers if not isinstance(layer, BatchNorm))
    return msgspec.structs.replace(network, layers=layers)


def divided(name: str, count: int) -> Gan:
    gan = TINY[name]
    return replace(
        gan,
        generator_network=without_batch_norms(gan.generator_network),
        discriminator_network=without_batch_norms(gan.discriminator_network),
        protocol=msgspec.structs.replace(gan.protocol, accumulate=count),
    )


def opened(backend: str, gan: Gan) -> Session:
    if backend == "numpy":
        need("autograd")
        from ganforge.testing.reference import open_reference

        return open_reference(gan, gan.initial_state(5))
    need(backend)
    return open_session(backend, gan)


@pytest.mark.parametrize("backend", few(("numpy", *FRAMEWORKS), {"numpy", *FRAMEWORKS[:1]}))
@pytest.mark.parametrize("name", NAMES)
def test_shares_of_a_batch_give_what_the_whole_gives(backend: str, name: str) -> None:
    states, scalars = [], []
    for count in SHARES:
        gan = divided(name, count)
        session = opened(backend, gan)
        for number in range(2):
            found = session.step(inputs(gan, 3, number))
        states.append(session.state())
        scalars.append({each: float(value) for each, value in found.items()})
    for state, logged in zip(states[1:], scalars[1:], strict=True):
        assert all(np.allclose(state[array], states[0][array], rtol=0, atol=1e-12) for array in state)
        assert logged == pytest.approx(scalars[0], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("parts", [1, 2])
def test_masks_of_all_shares_of_all_workers_are_those_of_the_batch(parts: int) -> None:
    """Two workers with three shares of two rows each: each row's elements are counted from its place in the batch."""
    workers, shares, rows, elements = 2, 3, 2, 5
    x, places = np.zeros((parts * rows, elements)), []
    for rank in range(workers):
        for number in range(shares):
            run: Any = Pass(
                ops=None,
                arrays={},
                labels=None,
                key=None,
                moving=False,
                replicas=SimpleNamespace(rank=rank, count=workers),  # type: ignore[arg-type]
                chain=lambda nodes, x, run: x,
                parts=parts,
                share=(number, shares),
            )
            places.append(run.starts(x))
    size = rows * elements
    batch = workers * shares * size
    for part, starts in enumerate(zip(*places, strict=True)):
        assert starts == tuple(range(part * batch, (part + 1) * batch, size))


def test_the_layers_that_see_a_share_are_named() -> None:
    assert shares_of_a_batch(divided("dropouts", 2)) == "a batch of 4 is computed in 2 shares of 2"
    named = "; these layers see a share, not the batch: generator/02_batch_norm, discriminator/01_batch_norm"
    assert shares_of_a_batch(TINY["accumulated"]) == "a batch of 4 is computed in 2 shares of 2" + named
    assert "discriminator/00_conv" in shares_of_a_batch(
        replace(TINY["spectral-norm"], protocol=msgspec.structs.replace(TINY["spectral-norm"].protocol, accumulate=2))
    )
