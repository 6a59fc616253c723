"""Squeeze and excitation: a value worked out by hand, the contract on every backend, and a recipe with it."""

import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ganforge_layer_squeeze_excite import SqueezeExcite

import ganforge
from ganforge.errors import SpecError
from ganforge.spec import Place, resolve_node
from ganforge.testing import check_layer, run_layer

FRAMEWORKS = [name for name in ("torch", "tensorflow") if find_spec(name)]

RECIPE = """
image_size = 8
channels = 1
width = 4
generator = [
  { kind = "dense", units = ["1/2", "2 * width"] },
  { kind = "reshape", shape = ["1/2", "2 * width"] },
  { kind = "batch_norm", decay = 0.9, epsilon = 1e-5 },
  { kind = "relu" },
  { kind = "residual", layers = [{ kind = "squeeze_excite" }] },
  { kind = "conv_transpose", filters = "channels", kernel = 4, stride = 2, size = "1/1" },
  { kind = "tanh" },
]
discriminator = [
  { kind = "conv", filters = "2 * width", kernel = 4, stride = 2 },
  { kind = "leaky_relu", slope = 0.2 },
  { kind = "squeeze_excite", ratio = 2 },
  { kind = "flatten" },
  { kind = "dense", units = "logits" },
]

[layers]
squeeze_excite = { ratio = 4 }

[training]
batch_size = 8
latent = { size = 8 }
average = { decay = 0.9 }

[run]
steps = 4
log_every = 1
checkpoint_every = 2
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))
    Path("excited.toml").write_text(RECIPE)
    return "./excited.toml"


def test_its_values_are_those_of_the_formula() -> None:
    node = resolve_node(SqueezeExcite(ratio=2), Place("00_squeeze_excite", 0, (1, 2, 2), 0))
    arrays = {
        "00_squeeze_excite/squeeze": np.array([[1.0], [-2.0]]),
        "00_squeeze_excite/excite": np.array([[3.0, 0.5]]),
    }
    x = np.array([[[[5.0, 1.0], [7.0, 2.0]]], [[[0.0, 1.0], [0.0, 1.0]]]])
    hidden = 1.0 * 6.0 - 2.0 * 1.5  # of the means 6 and 1.5; of the second image 0 - 2, which a ReLU makes 0
    scale = [1 / (1 + math.exp(-3.0 * hidden)), 1 / (1 + math.exp(-0.5 * hidden))]
    assert run_layer(node, x, arrays)[0] == pytest.approx(x[0] * scale)
    assert run_layer(node, x, arrays)[1] == pytest.approx(x[1] * 0.5)


def test_it_has_one_hidden_unit_at_least() -> None:
    node = resolve_node(SqueezeExcite(), Place("00_squeeze_excite", 0, (4, 4, 6), 0))
    assert [each.shape for each in node.layer.parameters(node)] == [(6, 1), (1, 6)]


def test_a_vector_is_refused() -> None:
    with pytest.raises(SpecError, match="00_squeeze_excite needs an image"):
        resolve_node(SqueezeExcite(), Place("00_squeeze_excite", 0, (12,), 0))


def test_it_keeps_its_contract_on_every_installed_backend() -> None:
    check_layer("squeeze_excite")


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_recipe_with_it_trains_and_is_resumed_exactly(backend: str, recipe: str) -> None:
    straight = ganforge.train(recipe, backend=backend, out="straight")
    ganforge.train(recipe, backend=backend, out="stopped", overrides={"run": {"steps": 2}})
    resumed = ganforge.resume("stopped", steps=4)
    expected, found = straight.model.session.state(), resumed.model.session.state()
    assert "generator/04_residual/00_squeeze_excite/squeeze" in expected
    assert all(np.array_equal(each, found[name]) for name, each in expected.items())
    assert ganforge.load("stopped").sample(4).shape == (4, 8, 8, 1)


def test_the_backends_agree_on_the_recipe(recipe: str) -> None:
    backends = ",".join(["numpy", *FRAMEWORKS])
    command = [sys.executable, "-m", "ganforge", "parity", "--recipe", recipe, "--backends", backends, "--steps", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
