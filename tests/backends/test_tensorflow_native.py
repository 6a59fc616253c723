"""What people take away from a TensorFlow session: a Keras model that needs nothing of ganforge."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from frameworks import need
from tiers import slow

from ganforge.backend.contract import Session
from ganforge.errors import PluginError
from ganforge.spec.gan import Gan
from ganforge.testing.tiny_gans import TINY, inputs

need("tensorflow")

import keras
from ganforge_tensorflow.runtime import open_session

SEED = 3


def trained(gan: Gan, precision: str = "float64", steps: int = 2) -> Session:
    """A session whose running values are no longer 0 and 1."""
    session = open_session(gan, gan.initial_state(SEED), precision, "cpu")
    for number in range(steps):
        session.step(inputs(gan, SEED, number))
    return session


def called(model: keras.Model, x: np.ndarray, labels: np.ndarray | None, **options: bool) -> np.ndarray:
    return np.array(model([x, labels] if len(model.inputs) == 2 else x, **options))


# Without those that are about losses and optimizers alone.
@pytest.mark.parametrize(
    "name",
    [
        "vectors",
        "kernel-5-even",
        "kernel-3-even",
        slow("odd-sizes"),
        slow("paddings"),
        "labels",
        "residuals",
        "dropouts",
        slow("pooling"),
        slow("projection"),
        slow("attention"),
        slow("spectral-norm"),
        slow("groups"),
        slow("shortcuts"),
        slow("example-norms"),
        slow("resampling"),
        "dropouts-scaled-at-inference",
    ],
)
def test_both_networks_make_what_the_session_makes(name: str) -> None:
    gan = TINY[name]
    session, batch = trained(gan), inputs(gan, SEED, 7).generator[0]
    images = session.generate(batch.latents, batch.labels)
    made = called(session.native("generator"), batch.latents, batch.labels)
    assert np.abs(made - images).max() < 1e-13
    logits = list(session.trace("discriminator", images, batch.labels).values())[-1]
    assert np.abs(called(session.native("discriminator"), images, batch.labels) - logits).max() < 1e-13


def test_dropout_that_scales_at_inference_leaves_what_it_keeps_as_it_is() -> None:
    gan = TINY["dropouts-scaled-at-inference"]
    model = trained(gan).native("discriminator")
    drop = next(index for index, layer in enumerate(model.layers) if "dropout" in layer.name)
    x = np.random.default_rng(0).normal(size=(4, *model.layers[drop].output.shape[1:]))
    kept = model.layers[drop + 1](model.layers[drop](x, training=True)).numpy()
    assert 0 < np.count_nonzero(kept == 0.0) < x.size
    assert np.abs(kept - x)[kept != 0.0].max() < 1e-15


def test_in_training_it_normalises_as_the_session_does() -> None:
    gan = TINY["kernel-5-even"]
    session, z = trained(gan), inputs(gan, SEED, 2).generator[0].latents
    expected = list(session.trace("generator", z, None, key=1).values())[-1]
    assert np.abs(called(session.native("generator"), z, None, training=True) - expected).max() < 1e-12


def test_float32_and_the_averaged_weights() -> None:
    gan = TINY["shared-average"]
    session, z = trained(gan, "float32"), inputs(gan, SEED, 7).generator[0].latents.astype(np.float32)
    for averaged in (False, True):
        model = session.native("generator", averaged=averaged)
        assert all(layer.compute_dtype == "float32" for layer in model.layers)
        assert np.abs(called(model, z, None) - session.generate(z, None, averaged=averaged)).max() < 2e-6


def test_it_is_made_of_keras_s_own_layers_named_as_the_nodes() -> None:
    model = trained(TINY["paddings"], steps=0).native("generator")
    kinds = {layer.name: type(layer) for layer in model.layers}
    assert kinds["02_relu"] is keras.layers.ReLU
    assert kinds["05_conv_transpose"] is keras.layers.Conv2DTranspose
    assert keras.layers.Cropping2D in kinds.values()
    assert all(kind.__module__.startswith("keras.") for kind in kinds.values())
    norm = trained(TINY["adam"], steps=0).native("generator").get_layer("02_batch_norm")
    assert (norm.momentum, norm.epsilon) == (0.8, 3e-4)
    vectors = trained(TINY["vectors"], "float32", steps=0).native("discriminator")
    assert type(vectors.get_layer("02_leaky_relu")) is keras.layers.LeakyReLU
    assert vectors.get_layer("04_elu").alpha == pytest.approx(0.7)


def test_it_learns_without_moving_the_session_and_only_what_is_to_be_learnt() -> None:
    gan = TINY["kernel-5-even"]
    session = trained(gan)
    model, before = session.native("discriminator"), session.state()
    wanted = {each.name.replace("/", "_") for each in gan.parameters("discriminator") if each.trained}
    assert len(model.trainable_variables) == len(wanted)
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
    images, old = np.ones((4, 8, 8, 3)), model.get_weights()
    model.fit(images, np.ones((4, 1)), verbose=0)
    assert any((new != kept).any() for new, kept in zip(model.get_weights(), old, strict=True))
    after = session.state()
    assert all(np.array_equal(after[name], array) for name, array in before.items())


ELSEWHERE = """
import sys
sys.modules["ganforge"] = None  # an import would fail
import keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
fed = np.load(sys.argv[2])
made = np.array(model([fed["z"], fed["labels"]]))
assert np.array_equal(made, fed["made"]), np.abs(made - fed["made"]).max()
"""


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize("precision", [slow("float32"), slow("float64")])
def test_it_can_be_saved_and_loaded_where_ganforge_is_not(tmp_path: Path, precision: str) -> None:
    gan = TINY["labels"]
    model, batch = trained(gan, precision).native("generator"), inputs(gan, SEED, 7).generator[0]
    made, z = called(model, batch.latents.astype(precision), batch.labels), batch.latents.astype(precision)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "fed.npz", z=z, labels=batch.labels, made=made)
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path / "model.keras"), str(tmp_path / "fed.npz")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_keras_on_another_framework_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    session = trained(TINY["adam"], steps=0)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(PluginError, match=r"'jax'.*KERAS_BACKEND=tensorflow"):
        session.native("generator")
