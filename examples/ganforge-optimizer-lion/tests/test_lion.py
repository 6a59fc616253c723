"""Lion: updates worked out by hand, the contract on every backend, and a recipe with it."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ganforge_optimizer_lion import Lion

import ganforge
from ganforge.testing import NUMPY_OPS, check_optimizer

FRAMEWORKS = [name for name in ("torch", "tensorflow") if find_spec(name)]

RECIPE = """
image_size = 8
channels = 1

[architecture]
name = "dcgan"
width = 4

[training]
batch_size = 8
latent = { size = 8 }
discriminator = { optimizer = { kind = "lion", learning_rate = 1e-3 } }
generator = { updates = 2, optimizer = { kind = "lion", learning_rate = 5e-4, weight_decay = 0.01 } }

[run]
steps = 4
log_every = 1
checkpoint_every = 2
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))
    Path("proud.toml").write_text(RECIPE)
    return "./proud.toml"


def test_two_updates_by_hand() -> None:
    lion = Lion(learning_rate=0.5, beta1=0.5, beta2=0.75, weight_decay=0.25)
    weight, slots = np.array([2.0, 2.0, 2.0]), {"m": np.zeros(3)}
    updated = lion.update(NUMPY_OPS, weight, np.array([4.0, -4.0, 0.0]), slots, lion.scale(0))
    # Signs 1, -1 and 0; the decay is 0.5 * 0.25 * 2.
    assert updated.weight.tolist() == [2.0 - 0.5 - 0.25, 2.0 + 0.5 - 0.25, 2.0 - 0.25]
    assert updated.slots["m"].tolist() == [1.0, -1.0, 0.0]
    # 0.5 * 1 - 0.5 * 0.5 is above 0: the average outweighs a small gradient, not a large one.
    updated = lion.update(NUMPY_OPS, np.zeros(3), np.array([-0.5, 3.0, 1.0]), updated.slots, lion.scale(1))
    assert updated.weight.tolist() == [-0.5, -0.5, -0.5]
    assert updated.slots["m"].tolist() == [0.75 * 1.0 - 0.25 * 0.5, -0.75 + 0.75, 0.25]


def test_it_keeps_its_contract_on_every_installed_backend() -> None:
    check_optimizer("lion")


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_recipe_with_it_trains_and_is_resumed_exactly(backend: str, recipe: str) -> None:
    straight = ganforge.train(recipe, backend=backend, out="straight")
    ganforge.train(recipe, backend=backend, out="stopped", overrides={"run": {"steps": 2}})
    resumed = ganforge.resume("stopped", steps=4)
    expected, found = straight.model.session.state(), resumed.model.session.state()
    assert any(name.startswith("optimizer/generator/m/") for name in expected)
    assert all(np.array_equal(each, found[name]) for name, each in expected.items())
    assert ganforge.load("stopped").sample(4).shape == (4, 8, 8, 1)


def test_the_backends_agree_on_the_recipe(recipe: str) -> None:
    backends = ",".join(["numpy", *FRAMEWORKS])
    command = [sys.executable, "-m", "ganforge", "parity", "--recipe", recipe, "--backends", backends, "--steps", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
