"""What people take away from a PyTorch session: a plain module that needs nothing of ganforge."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from frameworks import need
from onnx.reference import ReferenceEvaluator

from ganforge.backend.contract import Session
from ganforge.spec.gan import NETWORKS, Gan, NetworkName
from ganforge.spec.layers import Dense, Dropout, Flatten
from ganforge.spec.layers.initializers import ONES
from ganforge.testing.tiny_gans import TINY, inputs
from ganforge.testing.tiny_gans.parts import MAKE, gan

torch = need("torch")

from ganforge_torch.runtime import open_session

SEED = 3
KINDS_OF_LAYERS = (
    "vectors",
    "kernel-5-even",
    "kernel-3-even",
    "odd-sizes",
    "paddings",
    "labels",
    "residuals",
    "dropouts",
)
"""The tiny GANs that together have every kind of layer and padding."""


def trained(gan: Gan, steps: int = 2) -> Session:
    """A session whose running values are no longer 0 and 1."""
    session = open_session(gan, gan.initial_state(SEED), "float64", "cpu")
    for number in range(steps):
        session.step(inputs(gan, SEED, number))
    return session


def fed(gan: Gan) -> tuple[np.ndarray, np.ndarray | None]:
    batch = inputs(gan, SEED, 7).generator[0]
    return batch.latents, batch.labels


def called(module: torch.nn.Module, x: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """`module` in torch's own layout; images come and go as (batch, height, width, channels)."""
    values = torch.tensor(x)
    values = values.permute(0, 3, 1, 2) if values.ndim == 4 else values
    made = module(values) if labels is None else module(values, torch.tensor(labels))
    return (made.permute(0, 2, 3, 1) if made.ndim == 4 else made).detach().numpy()


@pytest.mark.parametrize("name", TINY)
def test_both_networks_make_what_the_session_makes(name: str) -> None:
    gan = TINY[name]
    session = trained(gan)
    z, labels = fed(gan)
    images = session.generate(z, labels)
    assert np.abs(called(session.native("generator"), z, labels) - images).max() < 1e-12
    logits = list(session.trace("discriminator", images, labels).values())[-1]
    discriminator = session.native("discriminator")
    joined = labels if "labels" in inspect.signature(discriminator.forward).parameters else None
    assert np.abs(called(discriminator, images, joined) - logits).max() < 1e-12


def test_dropout_that_scales_at_inference_leaves_what_it_keeps_as_it_is() -> None:
    layers = (Flatten(), Dropout(rate=0.4, scale_at="inference"), Dense(units=1, kernel_init=ONES, bias=False))
    session = trained(gan(MAKE, layers, (3, 3, 1)), steps=0)
    module = session.native("discriminator").train()
    weights = np.where(np.arange(9) == 4, 1.0, 0.0)[None]
    with torch.no_grad():
        next(module.parameters()).copy_(torch.tensor(weights))
    x = np.random.default_rng(0).normal(size=(50, 3, 3, 1))
    made = called(module, x, None)[:, 0]
    assert 0 < np.count_nonzero(made == 0.0) < 50
    assert np.abs(made - x[:, 1, 1, 0])[made != 0.0].max() < 1e-15


def test_in_training_it_normalises_and_moves_its_running_values_as_the_session_does() -> None:
    gan = TINY["kernel-5-even"]
    session = trained(gan)
    batch = inputs(gan, SEED, 2)
    z = batch.generator[0].latents
    module = session.native("generator").train()
    assert np.abs(called(module, z, None) - list(session.trace("generator", z, None, key=1).values())[-1]).max() < 1e-12
    session.step(batch)
    state = session.state()
    for norm, name in (("02_batch_norm", "batch_norm_02"), ("05_batch_norm", "batch_norm_05")):
        part = module.get_submodule(name)
        assert np.abs(part.running_mean.numpy() - state[f"generator/{norm}/mean"]).max() < 1e-12
        assert np.abs(part.running_var.numpy() - state[f"generator/{norm}/variance"]).max() < 1e-12
        assert np.abs(part.running_var.numpy() - 1.0).max() > 0.1


def test_it_is_made_of_torch_s_own_layers_named_as_the_nodes() -> None:
    module = trained(TINY["paddings"], steps=0).native("generator")
    parts = {name: type(part) for name, part in module.named_children()}
    assert parts["relu_02"] is torch.nn.ReLU
    assert parts["conv_transpose_05"] is torch.nn.ConvTranspose2d
    assert all(type(part).__module__.startswith("torch.nn") for part in list(module.modules())[1:])
    assert set(module.state_dict()) == {
        "dense_00.weight",
        "dense_00.bias",
        "conv_transpose_03.weight",
        "conv_transpose_05.weight",
        "conv_transpose_05.bias",
    }


@pytest.mark.parametrize("name", TINY)
def test_names_of_layers_are_identifiers(name: str) -> None:
    session = trained(TINY[name], steps=0)
    for network in NETWORKS:
        names = [part for part, _ in session.native(network).named_modules() if part]
        assert names
        assert all(each.isidentifier() for part in names for each in part.split("."))


@pytest.mark.parametrize("network", NETWORKS)
def test_it_takes_labels_where_a_layer_reads_them_and_nowhere_else(network: NetworkName) -> None:
    with_labels, without = (
        list(inspect.signature(trained(TINY[name], steps=0).native(network).forward).parameters.values())
        for name in ("labels", "adam")
    )
    x = "latents" if network == "generator" else "images"
    assert [each.name for each in with_labels] == [x, "labels"]
    assert [each.name for each in without] == [x]
    assert all(each.default is inspect.Parameter.empty for each in with_labels)


@pytest.mark.filterwarnings("ignore:The TorchScript type system doesn't support instance-level annotations:UserWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", KINDS_OF_LAYERS)
def test_it_is_compiled_by_torchscript(name: str, tmp_path: Path) -> None:
    session = trained(TINY[name])
    z, labels = fed(TINY[name])
    for network, x in (("generator", z), ("discriminator", session.generate(z, labels))):
        module = session.native(network)
        torch.jit.script(module).save(tmp_path / "network.pt")
        again = torch.jit.load(tmp_path / "network.pt")
        assert np.abs(called(again, x, labels) - called(module, x, labels)).max() < 1e-13


@pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning")  # the exporter's own
@pytest.mark.filterwarnings("ignore:Constant folding:UserWarning")
@pytest.mark.parametrize("name", KINDS_OF_LAYERS)
def test_it_is_exported_to_onnx(name: str, tmp_path: Path) -> None:
    session, path = trained(TINY[name]), str(tmp_path / "it.onnx")
    z, labels = fed(TINY[name])
    for network, x in (("generator", z), ("discriminator", session.generate(z, labels))):
        module = session.native(network)
        values = torch.tensor(x if x.ndim == 2 else x.transpose(0, 3, 1, 2))
        given = {"x": values} if labels is None else {"x": values, "labels": torch.tensor(labels)}
        torch.onnx.export(module, tuple(given.values()), path, input_names=list(given), dynamo=False)
        (made,) = ReferenceEvaluator(path).run(None, {name: each.numpy() for name, each in given.items()})
        # A slope and an epsilon are float32 in ONNX, whatever the arrays are.
        assert np.abs(made - module(*given.values()).detach().numpy()).max() < 1e-6


def test_it_is_independent_of_the_session() -> None:
    gan = TINY["adam"]
    session = trained(gan)
    z, _ = fed(gan)
    module = session.native("generator")
    images, before = called(module, z, None), session.state()
    session.step(inputs(gan, SEED, 5))
    assert np.array_equal(called(module, z, None), images)
    session.load_state(before)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0.0)
    assert np.array_equal(session.generate(z, None), open_session(gan, before, "float64", "cpu").generate(z, None))


def test_every_parameter_learns_and_torch_s_random_stream_is_left_alone() -> None:
    session = trained(TINY["labels"])
    torch.manual_seed(0)
    before = torch.get_rng_state()
    module = session.native("discriminator").train()
    assert torch.equal(torch.get_rng_state(), before)
    module(torch.rand(4, 1, 4, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 0])).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())


def test_averaged_weights_come_with_the_generator_s_own_running_values() -> None:
    gan = TINY["shared-average"]
    session = trained(gan)
    z, _ = fed(gan)
    averaged = session.generate(z, None, averaged=True)
    assert np.abs(averaged - session.generate(z, None)).max() > 1e-3
    assert np.abs(called(session.native("generator", averaged=True), z, None) - averaged).max() < 1e-12
    state = session.state()
    state |= {name: state[f"averaged/{name.removeprefix('generator/')}"] for name in _trained_arrays(gan)}
    session.load_state(state)
    assert np.array_equal(session.generate(z, None), averaged)


def test_it_is_saved_whole_and_loaded_where_ganforge_is_not(tmp_path: Path) -> None:
    gan = TINY["labels"]
    session = trained(gan)
    z, labels = fed(gan)
    torch.save(session.native("generator"), tmp_path / "generator.pt")
    np.savez(tmp_path / "fed.npz", z=z, labels=labels)
    code = (
        "import sys, numpy, torch\n"
        "sys.modules['ganforge'] = sys.modules['ganforge_torch'] = None\n"
        "module, fed = torch.load('generator.pt', weights_only=False), numpy.load('fed.npz')\n"
        "made = module(torch.tensor(fed['z']), torch.tensor(fed['labels']))\n"
        "numpy.save('made.npy', made.permute(0, 2, 3, 1).detach().numpy())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    assert np.abs(np.load(tmp_path / "made.npy") - session.generate(z, labels)).max() < 1e-12


def _trained_arrays(gan: Gan) -> list[str]:
    return [f"generator/{each.name}" for each in gan.parameters("generator") if each.trained]
