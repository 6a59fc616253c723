"""Kinds of layers and optimizers from plugins, trained in every framework and taken away from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import core_host, set_host
from frameworks import need
from own_kinds import Beside, LabelScale, Level, plugin
from tiers import slow

import ganforge
from ganforge.plugins.host import Host, new_host
from ganforge.spec import (
    Dense,
    Dropout,
    Flatten,
    Gan,
    JoinLabel,
    Layer,
    Relu,
    Reshape,
    Tanh,
)

RECIPE = """
image_size = 8
conditional = true
generator = [
  { kind = "join_label" },
  { kind = "dense", units = ["1/2", 4] },
  { kind = "reshape", shape = ["1/2", 4] },
  { kind = "beside", left = [{ kind = "level" }], right = [{ kind = "residual", layers = [{ kind = "level" }] }] },
  { kind = "label_scale" },
  { kind = "conv_transpose", filters = "channels", kernel = 4, stride = 2, size = "1/1" },
  { kind = "tanh" },
]
discriminator = [
  { kind = "conv", filters = 4, kernel = 3, stride = 2 },
  { kind = "level" },
  { kind = "label_scale" },
  { kind = "flatten" },
  { kind = "dense", units = "logits" },
]

[layers]
level = { decay = 0.8 }

[training]
batch_size = 8
latent = { size = 4 }
latents = "shared"
average = { decay = 0.9 }
generator = { optimizer = { kind = "heavy", learning_rate = 0.01 } }
discriminator = { optimizer = { kind = "heavy", learning_rate = 0.02, clip = 0.1 } }

[run]
steps = 4
log_every = 1
checkpoint_every = 2
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Our own plugins and these kinds; the recipe lies in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))
    Path("level.toml").write_text(RECIPE)
    made = new_host(strict=True)
    made.add("kinds", plugin)
    set_host(monkeypatch, made)
    return made


@pytest.mark.parametrize("backend", ["torch", slow("tensorflow"), "numpy"])
def test_a_run_with_them_is_resumed_exactly_and_sampled(backend: str, host: Host) -> None:
    need({"numpy": "autograd"}.get(backend, backend))
    straight = ganforge.train("./level.toml", backend=backend, out="straight")
    ganforge.train("./level.toml", backend=backend, out="stopped", overrides={"run": {"steps": 2}})
    resumed = ganforge.resume("stopped", steps=4, backend=backend)
    expected, found = straight.model.session.state(), resumed.model.session.state()
    assert "optimizer/generator/b/03_beside/r00_residual/00_level/scale" in expected
    assert np.abs(expected["generator/03_beside/l00_level/level"]).min() > 0
    assert all(np.array_equal(each, found[name]) for name, each in expected.items())
    assert ganforge.load("stopped", backend=backend).sample(4).shape == (4, 8, 8, 1)


@pytest.mark.parametrize("others", [["torch"], slow(["tensorflow"])])
@pytest.mark.parametrize("batches", ["separate", "joint"])
def test_the_backends_agree(others: list[str], batches: str, host: Host) -> None:
    need("autograd")
    from ganforge.parity import compare
    from ganforge.parity.trial import find_backends, trial

    for name in others:
        need(name)
    given = ganforge.load_recipe("./level.toml", overrides={"training": {"batches": batches}})
    made = trial(given, host)
    reference, other = find_backends(["numpy", *others], host)
    report = compare(made.experiment.gan, reference, other, inputs=made.inputs, state=made.state, steps=4)
    assert report.ok, report.first


def test_generators_with_masks_of_their_own_make_their_fakes_twice(host: Host) -> None:
    gan = ganforge.build("./level.toml", backend="torch").gan
    assert not gan.same_fakes_follow


# Taken away ----------------------------------------------------------------------------------------------------------


def tiny(*layers: Layer) -> Gan:
    from ganforge.testing.tiny_gans.parts import gan

    return gan(
        (JoinLabel(), Dense(units=12), Reshape(shape=(2, 3, 2)), *layers, Tanh()),
        (Flatten(), Dense(units=1)),
        (2, 3, 2),
        classes=3,
    )


MANY = (Level(), Beside(left=(Level(), Relu()), right=(LabelScale(), Dropout(rate=0.2))), LabelScale())


def trained(backend: str) -> tuple[Any, Any, Any]:
    """A session of some steps, latents and labels."""
    from ganforge.testing.tiny_gans import inputs

    gan = tiny(*MANY)
    entry = next(each.entry for each in new_host().given("ganforge_backends") if each.entry.name == backend)
    session = entry.open(gan, gan.initial_state(0), "float64", "cpu")  # type: ignore[attr-defined]
    for number in range(3):
        session.step(inputs(gan, 0, number))
    made = inputs(gan, 0, 7).generator[0]
    return session, made.latents, made.labels


def test_a_module_of_torch_runs_them_and_moves_their_state(tmp_path: Path) -> None:
    torch = need("torch")
    need("autograd")
    session, latents, labels = trained("torch")
    native = session.native("generator")
    z, y = torch.tensor(latents), torch.tensor(labels)
    expected = session.generate(latents, labels)
    assert np.abs(native(z, y).detach().permute(0, 2, 3, 1).numpy() - expected).max() < 1e-12
    torch.save(native, tmp_path / "native.pt")
    again = torch.load(tmp_path / "native.pt", weights_only=False)
    assert torch.equal(again(z, y), native(z, y))
    names = {name for name, _ in native.named_parameters()}
    assert {"level_03.scale", "beside_04.l00_level_scale", "beside_04.r00_label_scale_table"} < names
    assert {"level_03.level", "beside_04.l00_level_level"} == {name for name, _ in native.named_buffers()}
    before = native.get_buffer("level_03.level").clone()
    native.train()(z, y).sum().backward()
    assert not torch.equal(native.get_buffer("level_03.level"), before)
    assert all(each.grad is not None for each in native.parameters())


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras's own
def test_a_model_of_keras_runs_them_and_moves_their_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("tensorflow")
    need("autograd")
    import keras
    from ganforge_tensorflow import plugin_layer

    host, _ = core_host(plugin())
    monkeypatch.setattr(plugin_layer, "default_host", lambda: host)
    session, latents, labels = trained("tensorflow")
    native = session.native("generator")
    expected = session.generate(latents, labels)
    assert np.abs(native([latents, labels]).numpy() - expected).max() < 1e-12
    made = native.predict([latents, labels], verbose=0, batch_size=3)  # which rounds what it is given to float32
    assert np.abs(made - expected).max() < 1e-6
    native.save(tmp_path / "native.keras")
    again = keras.saving.load_model(tmp_path / "native.keras")
    assert np.array_equal(again([latents, labels]).numpy(), native([latents, labels]).numpy())
    layer = native.get_layer("03_level")
    before = layer.arrays["03_level/level"].numpy()
    native([latents, labels], training=True)
    assert not np.array_equal(layer.arrays["03_level/level"].numpy(), before)
