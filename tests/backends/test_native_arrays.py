"""Weights of a framework's own module put back into a model: the inverse of `generator` and `discriminator`."""

from typing import Any

import numpy as np
import pytest
from frameworks import need

import ganforge
from ganforge.errors import GanforgeError

BACKENDS = ["torch", "tensorflow", "jax"]
RESIDUAL = [
    {"kind": "dense", "units": 32},
    {"kind": "batch_norm", "decay": 0.9, "epsilon": 1e-5},
    {"kind": "relu"},
    {"kind": "reshape", "shape": [4, 4, 2]},
    {
        "kind": "residual",
        "layers": [
            {"kind": "conv", "filters": 2, "kernel": 3, "stride": 1},
            {"kind": "batch_norm", "decay": 0.9, "epsilon": 1e-5},
        ],
    },
    {"kind": "conv_transpose", "filters": 1, "kernel": [4, 3], "stride": 2, "size": [8, 8]},
    {"kind": "tanh"},
]
RECIPE: dict[str, Any] = {
    "name": "native",
    "image_size": 8,
    "channels": 1,
    "generator": RESIDUAL,
    "discriminator": [
        {"kind": "conv", "filters": 3, "kernel": [3, 2], "stride": 2},
        {"kind": "leaky_relu", "slope": 0.2},
        {"kind": "flatten"},
        {"kind": "dense", "units": 1},
    ],
    "training": {"batch_size": 4, "latent": {"size": 5}, "average": {"decay": 0.9}},
}


def build(backend: str, seed: int, **more: Any) -> ganforge.Model:
    need(backend)
    return ganforge.build(RECIPE, backend=backend, seed=seed, overrides={"run.device": "cpu"} | more)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_every_array_comes_back(backend: str, network: Any) -> None:
    one, other = build(backend, 0), build(backend, 1)
    before = other.session.state()
    module = one.generator if network == "generator" else one.discriminator
    other.load_native(module, network)
    source, after = one.session.state(), other.session.state()
    for name, array in after.items():
        prefix = name.partition("/")[0]
        changed = prefix == network or (prefix == "averaged" and network == "generator")
        np.testing.assert_array_equal(array, source[name] if changed else before[name], err_msg=name)
    assert (other.sample(3) == one.sample(3)).all() == (network == "generator")


def doubled(backend: str, module: Any) -> Any:
    """The module with all its arrays twice as large, by the framework's own means."""
    if backend == "torch":
        import torch

        with torch.no_grad():
            for array in (*module.parameters(), *(each for each in module.buffers() if each.is_floating_point())):
                array.mul_(2)
        return module
    if backend == "tensorflow":
        module.set_weights([2 * each for each in module.get_weights()])
        return module
    import jax

    return jax.tree.map(lambda array: 2 * array, module.params)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_changed_in_the_module_is_in_the_model(backend: str) -> None:
    model = build(backend, 0)
    before = model.session.state()
    model.load_native(doubled(backend, model.generator))
    after = model.session.state()
    for name in after:
        if name.startswith("generator/"):
            np.testing.assert_array_equal(after[name], 2 * before[name], err_msg=name)


@pytest.mark.parametrize("backend", BACKENDS)
def test_other_modules_are_refused_and_nothing_changes(backend: str) -> None:
    model = build(backend, 0)
    before = model.session.state()
    with pytest.raises(GanforgeError, match="weights are read from"):
        model.load_native("a text")
    with pytest.raises(GanforgeError, match=r"no array .* of the generator|has shape"):
        model.load_native(model.discriminator)
    with pytest.raises(GanforgeError, match="'generator' or 'discriminator', not 'g'"):
        model.load_native(model.generator, "g")  # type: ignore[arg-type]
    after = model.session.state()
    assert all((after[name] == before[name]).all() for name in before)


def test_a_weight_that_is_not_finite_is_refused() -> None:
    need("torch")
    import torch

    model = build("torch", 0)
    module = model.generator
    with torch.no_grad():
        next(iter(module.parameters())).fill_(float("nan"))
    with pytest.raises(GanforgeError, match="is not finite"):
        model.load_native(module)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_saved_model_draws_the_same_in_every_framework(backend: str, tmp_path: Any) -> None:
    model = build("torch", 3)
    path = model.save(tmp_path / "model.safetensors")
    need(backend)
    loaded = ganforge.load(path, backend=backend, device="cpu")
    assert np.abs(loaded.sample(4).astype(int) - model.sample(4)).max() <= 1
