"""docs/take-it-away.md: its examples run, and what they leave makes what the model makes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frameworks import need
from pages import blocks

import ganforge

need("autograd")
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "take-it-away.md").read_text(encoding="utf-8")
SCRIPT, ONNX, SAVED, COMPILED = blocks(PAGE, "python")


def example(code: str, backend: str) -> dict[str, Any]:
    """The names that an example leaves, `model` among them."""
    need(backend)
    small: dict[str, Any] = {"channels": 1, "class_names": [str(digit) for digit in range(10)], "width": 2}
    scope = {"model": ganforge.build("digits", backend=backend, overrides=small)}
    exec(compile(code, "take-it-away.md", "exec"), scope)
    return scope


def made(model: Any, latents: Any, labels: list[int]) -> Any:
    return model.session.generate(np.asarray(latents, np.float64), np.array(labels))


@pytest.mark.filterwarnings("ignore:The TorchScript type system doesn't support instance-level annotations:UserWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_torchscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scope = example(SCRIPT, "torch")
    torch = need("torch")
    assert isinstance(scope["generator"], torch.jit.ScriptModule)
    assert scope["images"].shape == (4, 1, 8, 8)
    z, labels = torch.randn(3, 32), [7, 0, 4]
    found = scope["generator"](z, torch.tensor(labels)).permute(0, 2, 3, 1).detach().numpy()
    assert np.abs(found - made(scope["model"], z, labels)).max() < 2e-6


@pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning")  # the exporter's own
@pytest.mark.filterwarnings("ignore:Constant folding:UserWarning")
def test_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from onnx.reference import ReferenceEvaluator

    monkeypatch.chdir(tmp_path)
    scope = example(ONNX, "torch")
    draw = np.random.default_rng(0)
    z, labels = draw.standard_normal((3, 32)).astype(np.float32), [7, 0, 4]  # a batch of another size than exported
    found = ReferenceEvaluator("generator.onnx").run(None, {"latents": z, "labels": np.array(labels)})[0]
    assert np.abs(found.transpose(0, 2, 3, 1) - made(scope["model"], z, labels)).max() < 2e-6


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras's own
def test_a_saved_model_keeps_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scope = example(SAVED, "tensorflow")
    tf = need("tensorflow")
    assert scope["serve"].structured_input_signature[1].keys() == {"latents", "labels"}
    assert scope["images"].shape == (4, 8, 8, 1)
    z, labels = tf.random.normal((3, 32)), [7, 0, 4]
    found = scope["serve"](latents=z, labels=tf.constant(labels, tf.int64))["output_0"]
    assert np.abs(found.numpy() - made(scope["model"], z, labels)).max() < 2e-6


def test_a_compiled_function(tmp_path: Path) -> None:
    scope = example(COMPILED, "jax")
    jax = need("jax")
    z = jax.random.normal(jax.random.key(0), (4, 32))
    assert np.abs(scope["images"] - made(scope["model"], z, [0, 1, 2, 3])).max() < 2e-6
