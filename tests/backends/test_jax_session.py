"""What is JAX's own about a session: nothing global changes, nothing is traced again, donated arrays all come back."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
from frameworks import need
from tiers import slow

from ganforge.errors import PluginError
from ganforge.testing.tiny_gans import TINY, inputs

jax = need("jax")

import jax.numpy as jnp
from ganforge_jax import devices, plugin
from ganforge_jax.runtime import open_session

GAN = TINY["vectors"]
LABELLED = TINY["labels"]


def opened(gan: Any = GAN, precision: Any = "float32") -> Any:
    return open_session(gan, gan.initial_state(0), precision, "cpu")


def stepped(session: Any, gan: Any = GAN, steps: int = 2) -> dict[str, bytes]:
    for number in range(steps):
        session.step(inputs(gan, 0, number))
    return {name: each.tobytes() for name, each in session.state().items()}


@pytest.mark.parametrize("precision", [slow("float32"), "float64", slow("bfloat16")])
def test_a_process_s_own_precision_neither_changes_nor_matters(precision: str) -> None:
    ends = []
    for own in (False, True):
        with jax.enable_x64(own):
            session = opened(precision=precision)
            ends.append(stepped(session))
            fed = inputs(GAN, 0, 0)
            assert (
                session.generate(fed.generator[0].latents, None).dtype
                == session.state()["generator/00_dense/kernel"].dtype
            )
            assert (jnp.asarray(np.ones(1)).dtype == jnp.float64) is own
    assert ends[0] == ends[1]
    assert not jax.config.jax_enable_x64


def test_environment_is_left_as_it_was() -> None:
    before = dict(os.environ)
    devices.find("auto")
    assert dict(os.environ) == before


@pytest.mark.slow
def test_new_numbers_need_no_new_trace(caplog: pytest.LogCaptureFixture) -> None:
    session = opened(LABELLED)
    stepped(session, LABELLED, 1)
    session.trace(
        "generator", inputs(LABELLED, 0, 0).generator[0].latents, inputs(LABELLED, 0, 0).generator[0].labels, key=1
    )
    with jax.log_compiles(True):
        stepped(session, LABELLED, 3)
        fed = inputs(LABELLED, 0, 3).generator[0]
        session.trace("generator", fed.latents, fed.labels, key=2)
    assert "Compiling" not in caplog.text


@pytest.mark.slow
def test_an_adaptive_probability_needs_no_new_trace(caplog: pytest.LogCaptureFixture) -> None:
    gan = TINY["augmented-adaptive"]
    session = opened(gan)
    stepped(session, gan, 1)
    with jax.log_compiles(True):
        stepped(session, gan, 4)
    assert "Compiling" not in caplog.text


@pytest.mark.slow
def test_scalars_and_what_was_taken_outlive_later_steps() -> None:
    session = opened()
    first = session.step(inputs(GAN, 0, 0))
    apply, params = session.native("generator")
    latents = inputs(GAN, 0, 0).generator[0].latents.astype(np.float32)
    before, losses = (
        apply(params, latents),
        {name: float(each) for name, each in opened().step(inputs(GAN, 0, 0)).items()},
    )
    stepped(session)
    assert {name: float(each) for name, each in first.items()} == losses
    assert np.array_equal(apply(params, latents), before)


def test_several_threads_may_draw_from_one_session() -> None:
    session = opened()
    latents = inputs(GAN, 0, 0).generator[0].latents
    expected = session.generate(latents, None).tobytes()
    with ThreadPoolExecutor(4) as pool:
        assert {each.tobytes() for each in pool.map(lambda _: session.generate(latents, None), range(40))} == {expected}


@pytest.mark.slow
def test_the_same_steps_give_the_same_bits_and_loading_is_exact() -> None:
    one, other = opened(LABELLED), opened(LABELLED)
    for number in range(4):
        if number == 2:
            other.load_state({name: each.astype(np.float64) for name, each in other.state().items()})
        for session in (one, other):
            session.step(inputs(LABELLED, 0, number))
    ends = one.state(), other.state()
    assert all(ends[0][name].tobytes() == ends[1][name].tobytes() for name in ends[0])


@pytest.mark.slow
def test_native_networks_are_pure_functions() -> None:
    session = opened(LABELLED)
    stepped(session, LABELLED)
    fed = inputs(LABELLED, 0, 0).generator[0]
    apply, params = session.native("generator")
    latents = jnp.asarray(fed.latents, jnp.float32)
    found = jax.jit(apply)(params, latents, fed.labels)
    assert np.abs(found - session.generate(fed.latents, fed.labels)).max() < 2e-6
    slopes = jax.grad(lambda params: apply(params, latents, fed.labels).sum())(params)
    assert jax.tree.structure(slopes) == jax.tree.structure(params)
    assert all(isinstance(each, jax.Array) for each in jax.tree.leaves(params))
    averaged = TINY["shared-average"]
    session = opened(averaged)
    stepped(session, averaged)
    fed = inputs(averaged, 0, 0).generator[0]
    apply, params = session.native("generator", averaged=True)
    own = apply(params, jnp.asarray(fed.latents, jnp.float32), fed.labels)
    assert np.abs(own - session.generate(fed.latents, fed.labels, averaged=True)).max() < 2e-6


@pytest.mark.parametrize("name", ["no-such-device", "cpu:7", "tpu"])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(PluginError, match="JAX has no device"):
        open_session(GAN, GAN.initial_state(0), "float32", name)


def test_without_jax_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganforge.plugins.host import new_host
    from ganforge.training.backends import find_backend

    host = new_host([EntryPoint("jax", "ganforge_jax.plugin", "ganforge")])
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(PluginError, match=r"backend 'jax' needs jax.*pip install 'ganforge\[jax\]'"):
        find_backend("jax", host)


def test_a_jax_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = plugin.ganforge_backends()
    monkeypatch.setattr(jax, "__version_info__", (0, 4, 30))
    monkeypatch.setattr(jax, "__version__", "0.4.30")
    with pytest.raises(PluginError, match=r"needs JAX 0.10.2 or newer, and 0.4.30 is installed; pip install --upgrade"):
        entry.open(GAN, GAN.initial_state(0), "float32", "cpu")


@pytest.mark.slow
def test_plain_operations_go_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    gan, fed = TINY["labels"], inputs(TINY["labels"], 0, 0)
    tuned = opened(gan, "float64").gradients(fed)
    monkeypatch.setenv("GANFORGE_PLAIN", "1")
    plain = opened(gan, "float64").gradients(fed)
    assert any(tuned[name].tobytes() != plain[name].tobytes() for name in plain)
    assert all(np.abs(tuned[name] - plain[name]).max() < 1e-12 for name in plain)
