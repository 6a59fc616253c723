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
NORM = "generator/02_batch_norm"


def trained(name: str, gan: Gan = GAN) -> Any:
    need(name)
    session = open_session(name, gan)
    for number in range(3):
        session.step(inputs(gan, 0, number))
    return session


def test_they_are_means_over_batches_made_with_the_averaged_weights() -> None:
    session = trained(FRAMEWORKS[0])
    before = session.state()
    shown = latents_of(GAN.protocol.latent, range(8))
    drawn = session.generate(shown, None, averaged=True)
    estimate_statistics(GAN, session, 3)
    after = session.state()
    changed = {each for each in before if not np.array_equal(before[each], after[each])}
    assert changed == {f"{NORM}/mean", f"{NORM}/variance"}
    # Only a dense layer stands before the norm, so what enters it can be written out.
    kernel, bias = before["averaged/00_dense/kernel"], before["averaged/00_dense/bias"]
    batches = [latents_of(GAN.protocol.latent, range(first, first + 4)) for first in (10**9, 10**9 + 4, 10**9 + 8)]
    entering = [(latents @ kernel + bias).reshape(-1, 2) for latents in batches]
    assert after[f"{NORM}/mean"] == pytest.approx(np.mean([each.mean(0) for each in entering], axis=0), rel=1e-12)
    variance = np.mean([each.var(0, ddof=1) for each in entering], axis=0)
    assert after[f"{NORM}/variance"] == pytest.approx(variance, rel=1e-12)
    assert not np.allclose(drawn, session.generate(shown, None, averaged=True), atol=0.01)


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
