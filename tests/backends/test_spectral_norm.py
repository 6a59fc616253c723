"""Spectral norm's state: what moves it, what does not, and that a run goes on from it."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from frameworks import TORCH_FIRST, need, open_session

import ganforge
from ganforge.spec import random_streams
from ganforge.spec.protocol import Player
from ganforge.testing.tiny_gans import TINY, inputs

GAN, SEED = TINY["spectral-norm"], 5
ONE_UPDATE = replace(GAN, protocol=msgspec.structs.replace(GAN.protocol, discriminator=Player()))
STATE = [
    f"{network}/{each.name}"
    for network in ("generator", "discriminator")
    for each in GAN.parameters(network)
    if each.name.endswith(("/u", "/sigma"))
]


@pytest.fixture(params=TORCH_FIRST)
def backend(request):
    need(request.param)
    return request.param


def iterated(kernel, u, times):
    """u and sigma after so many power iterations."""
    matrix = kernel.reshape(-1, kernel.shape[-1]).T
    for _ in range(times):
        v = matrix.T @ u
        u = matrix @ (v / np.linalg.norm(v))
        sigma, u = np.linalg.norm(u), u / np.linalg.norm(u)
    return u, sigma


def test_looking_does_not_move_it(backend):
    session, fed = open_session(backend, GAN, seed=SEED), inputs(GAN, SEED, 0)
    before = session.state()
    images = session.generate(fed.generator[0].latents, None)
    session.trace("discriminator", images, None)
    session.trace("discriminator", images, None, key=7)
    session.gradients(fed)
    after = session.state()
    assert len(STATE) == 10
    assert all(np.array_equal(before[name], after[name]) for name in STATE)


def test_every_pass_of_the_network_s_own_updates_moves_it_and_no_other(backend):
    session = open_session(backend, GAN, seed=SEED)
    before, _ = session.state(), session.step(inputs(GAN, SEED, 0))
    after = session.state()
    # The generator's update makes one pass; two updates of the discriminator make fakes twice and move nothing of it.
    u, sigma = iterated(before["generator/00_dense/kernel"], before["generator/00_dense/u"], 1)
    assert after["generator/00_dense/u"] == pytest.approx(u, abs=1e-13)
    assert after["generator/00_dense/sigma"] == pytest.approx([sigma], abs=1e-13)
    # The discriminator's first update makes two with the first kernel; a penalty, and the generator's update, none.
    one = open_session(backend, ONE_UPDATE, seed=SEED)
    before, _ = one.state(), one.step(inputs(ONE_UPDATE, SEED, 0))
    name = "discriminator/00_conv"
    u, sigma = iterated(before[f"{name}/kernel"], before[f"{name}/u"], 2)
    assert one.state()[f"{name}/u"] == pytest.approx(u, abs=1e-13)
    assert one.state()[f"{name}/sigma"] == pytest.approx([sigma], abs=1e-13)


def test_the_first_u_is_drawn_from_its_own_stream():
    u = GAN.initial_state(SEED)["discriminator/00_conv/u"]
    stream = random_streams.generator(SEED, "init/discriminator/00_conv/u")
    assert np.array_equal(u, stream.normal(0.0, 1.0, 4))


RECIPE = {
    "image_size": 8,
    "channels": 1,
    "data": {"set": "digits"},
    "generator": [
        {"kind": "dense", "units": 32, "spectral_norm": True},
        {"kind": "reshape", "shape": [4, 4, 2]},
        {"kind": "relu"},
        {"kind": "upsample", "factor": 2},
        {"kind": "conv", "filters": 1, "kernel": 3},
        {"kind": "tanh"},
    ],
    "discriminator": [
        {"kind": "conv", "filters": 4, "kernel": 3, "stride": 2, "spectral_norm": True},
        {"kind": "leaky_relu", "slope": 0.2},
        {"kind": "global_pool", "of": "sum"},
        {"kind": "dense", "units": "logits", "spectral_norm": True},
    ],
    "training": {"batch_size": 8, "latent": {"size": 8}, "average": {"decay": 0.9}},
    "run": {"steps": 4, "log_every": 1, "checkpoint_every": 2},
}


@pytest.mark.parametrize("other", ["torch", pytest.param("tensorflow", marks=pytest.mark.slow)])
def test_a_run_goes_on_exactly(other, tmp_path: Path, monkeypatch):
    need("torch")
    need(other)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))
    straight = ganforge.train(RECIPE, backend=other, out="straight")
    ganforge.train(RECIPE, backend=other, out="stopped", overrides={"run": {"steps": 2}})
    found, expected = ganforge.resume("stopped", steps=4).model.session.state(), straight.model.session.state()
    assert "discriminator/03_dense/u" in expected
    assert all(np.array_equal(each, found[name]) for name, each in expected.items())
