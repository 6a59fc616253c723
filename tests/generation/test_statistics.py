"""Batch statistics that are estimated anew for the averaged weights."""

from typing import Any

import numpy as np
import pytest
from frameworks import FRAMEWORKS, need, open_session

from ganforge.errors import GanforgeError
from ganforge.generation.model import latents_of
from ganforge.generation.statistics import estimate_statistics
from ganforge.spec.gan import Gan
from ganforge.testing.tiny_gans import TINY, inputs

GAN = TINY["shared-average"]
NORM, BEFORE = "generator/02_batch_norm", "01_reshape"


def trained(name: str, gan: Gan = GAN) -> Any:
    need(name)
    session = open_session(name, gan)
    for number in range(3):
        session.step(inputs(gan, 0, number))
    return session


@pytest.mark.parametrize("name", FRAMEWORKS[:1])
def test_they_are_those_of_the_averaged_weights(name: str) -> None:
    session = trained(name)
    before = session.state()
    latents = latents_of(GAN.protocol.latent, range(64))
    drawn = session.generate(latents, None, averaged=True)
    estimate_statistics(GAN, session, 200)
    after = session.state()
    assert {each for each in before if not np.array_equal(before[each], after[each])} == {
        f"{NORM}/mean",
        f"{NORM}/variance",
    }
    # A dense layer before the norm, so its statistics are known: those of normal latents.
    kernel, bias = after["averaged/00_dense/kernel"], after["averaged/00_dense/bias"]
    places = np.sqrt((kernel**2).sum(0)).reshape(3, 3, 2), bias.reshape(3, 3, 2)
    mean = places[1].mean((0, 1))
    variance = (places[0] ** 2).mean((0, 1)) + places[1].var((0, 1))
    assert after[f"{NORM}/mean"] == pytest.approx(mean, abs=0.1)
    assert after[f"{NORM}/variance"] == pytest.approx(variance, rel=0.2)
    assert not np.allclose(before[f"{NORM}/variance"], variance, rtol=0.2)
    assert not np.allclose(drawn, session.generate(latents, None, averaged=True), atol=0.01)


def test_every_norm_of_a_residual_block_is_found_with_what_enters_it() -> None:
    gan = next(each for each in TINY.values() if "conditional" in repr(each.generator_network).lower() and each.classes)
    session = trained(FRAMEWORKS[0], gan)
    before = session.state()
    estimate_statistics(gan, session, 2)
    after = session.state()
    running = {
        name for name in before if name.startswith("generator/") and name.rpartition("/")[2] in ("mean", "variance")
    }
    assert running and running == {each for each in before if not np.array_equal(before[each], after[each])}


def test_nothing_is_left_changed_where_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    session = trained(FRAMEWORKS[0])
    before = session.state()

    def fails(*given: Any, **more: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(session, "trace", fails)
    with pytest.raises(MemoryError):
        estimate_statistics(GAN, session, 2)
    after = session.state()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_generator_without_batch_norms_has_none() -> None:
    gan = TINY["accumulated-joint"]
    with pytest.raises(GanforgeError, match="has no batch norm"):
        estimate_statistics(gan, trained(FRAMEWORKS[0], gan), 2)
