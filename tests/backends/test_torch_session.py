"""What is torch's own in its session: float32 kernels, graphs, devices."""

import inspect
import subprocess
import sys
from dataclasses import replace
from itertools import product

import msgspec
import numpy as np
import pytest
from frameworks import need, open_session

from ganforge.errors import PluginError
from ganforge.spec.arrays import Array
from ganforge.spec.gan import NETWORKS
from ganforge.testing.reference import open_reference
from ganforge.testing.tiny_gans import FLOAT64_ONLY, TINY, inputs

torch = need("torch")

from ganforge_torch import devices
from ganforge_torch import runtime as backend
from ganforge_torch.ops import to_nchw, to_oihw

SEED = 5


def difference(a: Array, b: Array) -> float:
    assert a.shape == b.shape
    return float(np.max(np.abs(a - b), initial=0.0))


@pytest.mark.parametrize("name", sorted(set(TINY) - FLOAT64_ONLY))
def test_float32_makes_the_reference_s_images_and_gradients_to_its_precision(name: str) -> None:
    gan = TINY[name]
    session, reference = open_session("torch", gan, "float32"), open_reference(gan, gan.initial_state(SEED))
    fed = inputs(gan, SEED, 0)
    z, labels = fed.discriminator[0].latents, fed.discriminator[0].labels
    images = session.generate(z, labels)
    assert images.dtype == np.float32
    assert difference(images.astype(float), reference.generate(z, labels)) < 2e-6
    found, expected = session.gradients(fed), reference.gradients(fed)
    for array, gradient in expected.items():
        assert difference(found[array].astype(float), gradient) <= 1e-4 * np.max(np.abs(gradient)) + 1e-7, array


@pytest.mark.parametrize("name", sorted(each for each in TINY if each not in FLOAT64_ONLY | {"vectors"}))
def test_float32_takes_batches_of_one(name: str) -> None:
    gan = replace(TINY[name], protocol=msgspec.structs.replace(TINY[name].protocol, batch_size=1, accumulate=1))
    session, reference = open_session("torch", gan, "float32"), open_reference(gan, gan.initial_state(SEED))
    found, expected = session.gradients(inputs(gan, SEED, 0)), reference.gradients(inputs(gan, SEED, 0))
    for array, gradient in expected.items():
        assert difference(found[array].astype(float), gradient) <= 1e-4 * np.max(np.abs(gradient)) + 1e-6, array


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_every_kernel_has_a_gradient_in_float32(transposed: bool, batch: int) -> None:
    # Which of its convolutions torch takes depends on every one of these numbers.
    convolve = torch.nn.functional.conv_transpose2d if transposed else torch.nn.functional.conv2d
    numbers = np.random.default_rng(0)
    runtimes = [open_session("torch", TINY["adam"], precision)._runtime for precision in ("float32", "float64")]
    for side, stride, taken, made, size in product((1, 2, 3, 4, 5), (1, 2), (1, 2, 4), (1, 2, 4), (1, 2, 3, 9)):
        channels, padding = ((made, taken), (side - 1) // 2) if transposed else ((taken, made), side // 2)
        kernel = {"kernel": numbers.normal(size=(side, side, *channels))}
        images = numbers.normal(size=(batch, size, size, taken))
        found = []
        for runtime in runtimes:
            w = to_oihw(runtime.arrays(kernel)["kernel"]).requires_grad_()
            x = to_nchw(runtime.real(images)).requires_grad_()
            with devices.repeatable(runtime.device, 1):
                loss = convolve(x, w, stride=stride, padding=padding).square().mean()
                found.append(torch.autograd.grad(loss, [x, w]))
        for rough, exact in zip(*found, strict=True):
            assert torch.allclose(rough.double(), exact, rtol=1e-4, atol=1e-5), (side, stride, taken, made, size)


def test_scalars_wait_on_the_device_without_a_graph_behind_them() -> None:
    gan = TINY["wasserstein-gradient"]
    session = open_session("torch", gan)
    scalars = session.step(inputs(gan, SEED, 0))
    assert "d_penalty" in scalars
    assert all(
        isinstance(each, torch.Tensor) and each.ndim == 0 and not each.requires_grad for each in scalars.values()
    )
    assert not any(each.requires_grad or each.grad is not None for each in session._arrays.values())


@pytest.mark.parametrize("name", ["adam", "shared-average"])
def test_neither_update_differentiates_the_other_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gan = TINY[name]
    wanted: list[int] = []
    grad = torch.autograd.grad

    def counted(loss: torch.Tensor, leaves: list[torch.Tensor], *given: object, **options: object) -> object:
        reached, found = [loss.grad_fn], set()
        while reached:
            node = reached.pop()
            found.add(node)
            reached += [below for below, _ in node.next_functions if below is not None and below not in found]
        wanted.append(sum(node.name() == "torch::autograd::AccumulateGrad" for node in found))
        assert wanted[-1] == len(leaves)
        return grad(loss, leaves, *given, **options)

    monkeypatch.setattr(torch.autograd, "grad", counted)
    open_session("torch", gan).step(inputs(gan, SEED, 0))
    moving = [sum(each.trained and not each.zero_gradient for each in gan.parameters(network)) for network in NETWORKS]
    assert wanted == [moving[1], moving[0]]


def test_an_unknown_device_names_those_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PluginError, match=r"no device 'tpu'.*cpu"):
        backend.open_session(TINY["adam"], TINY["adam"].initial_state(0), "float32", "tpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU number {index}")
    assert devices.find("auto", "float32").type == "cuda"
    assert devices.find("cuda", "float32") == devices.find("GPU:0", "float32") == torch.device("cuda:0")
    assert devices.find("cuda:1", "float64").index == 1
    assert devices.known() == {"cuda:0": "GPU number 0", "cuda:1": "GPU number 1", "cpu": ""}
    assert devices.find("cpu", "float64").type == "cpu"
    with pytest.raises(PluginError, match="it has cuda:0, cuda:1, cpu, and auto"):
        devices.find("cuda:7", "float32")


def _numeric_settings() -> list[object]:
    try:
        products = torch.get_float32_matmul_precision()
    except RuntimeError as error:
        products = str(error)
    return [
        products,
        torch.backends.cuda.matmul.fp32_precision,
        torch.backends.cudnn.conv.fp32_precision,
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    ]


@pytest.mark.parametrize(
    "own",
    [
        "pass",
        *(
            pytest.param(own, marks=pytest.mark.slow)
            for own in (
                "torch.set_float32_matmul_precision('high')",
                "torch.backends.fp32_precision = 'tf32'",
                "torch.backends.cuda.matmul.allow_tf32 = True",
                "torch.backends.cudnn.allow_tf32 = False",
                "torch.backends.cudnn.benchmark = True",
                "torch.use_deterministic_algorithms(True, warn_only=True)",
            )
        ),
    ],
)
def test_float32_on_a_gpu_means_float32_whatever_the_process_has_set(own: str) -> None:
    # In a process of its own, since torch has settings that cannot be taken back.
    code = f"""
import warnings
import torch
warnings.simplefilter("ignore")  # torch warns of its older settings
from ganforge_torch import devices
{inspect.getsource(_numeric_settings)}
{own}
before = _numeric_settings()
with devices.repeatable(torch.device("cuda:0"), None):
    within = _numeric_settings()
    assert not torch.backends.cuda.matmul.allow_tf32  # raises where settings contradict each other, as products do
assert within == ["highest", "ieee", "ieee", True, False, True, False, False], within
assert _numeric_settings() == before, (_numeric_settings(), before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
