"""The PyTorch session against the NumPy reference, and what it promises beyond the numbers."""

import subprocess
import sys
from dataclasses import replace
from itertools import product

import msgspec
import numpy as np
import pytest

from ganforge.errors import PluginError, StateError
from ganforge.spec.arrays import Array, State
from ganforge.spec.gan import NETWORKS, Gan
from ganforge.testing.reference import open_reference
from ganforge.testing.tiny import FLOAT64_ONLY, TINY, inputs, small_dcgan

torch = pytest.importorskip("torch")

from ganforge_torch import arrays, devices, step  # noqa: E402
from ganforge_torch.session import TorchSession, open_session  # noqa: E402

SEED = 5


def opened(gan: Gan, precision: str = "float64") -> TorchSession:
    return open_session(gan, gan.initial_state(SEED), precision, "cpu")


def difference(a: Array, b: Array) -> float:
    assert a.shape == b.shape
    return float(np.max(np.abs(a - b), initial=0.0))


def same_bits(a: State, b: State) -> bool:
    return list(a) == list(b) and all(a[name].tobytes() == b[name].tobytes() for name in a)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("key", [None, 0xDEADBEEF])
def test_every_layer_of_every_network_makes_what_the_reference_makes(name: str, key: int | None) -> None:
    gan = TINY[name]
    session, reference = opened(gan), open_reference(gan, gan.initial_state(SEED))
    fed = inputs(gan, SEED, 0).discriminator[0]
    pictures = np.random.default_rng(0).uniform(-1.0, 1.0, fed.images.shape)
    for network, x in zip(NETWORKS, (fed.latents, pictures), strict=True):
        found = session.trace(network, x, fed.labels, key=key)
        expected = reference.trace(network, x, fed.labels, key=key)
        assert list(found) == list(expected)
        for node, array in expected.items():
            assert difference(found[node], array) < 1e-13, f"{network} {node}"


@pytest.mark.parametrize("name", TINY)
def test_gradients_are_those_of_the_reference(name: str) -> None:
    gan = TINY[name]
    session, reference = opened(gan), open_reference(gan, gan.initial_state(SEED))
    found, expected = session.gradients(inputs(gan, SEED, 0)), reference.gradients(inputs(gan, SEED, 0))
    assert set(found) == set(expected)
    for array, gradient in expected.items():
        assert difference(found[array], gradient) <= 1e-12 * np.max(np.abs(gradient)), array


@pytest.mark.parametrize("name", TINY)
def test_steps_leave_the_arrays_and_scalars_that_the_reference_leaves(name: str) -> None:
    gan = TINY[name]
    session, reference = opened(gan), open_reference(gan, gan.initial_state(SEED))
    for number in range(3):
        found, expected = session.step(inputs(gan, SEED, number)), reference.step(inputs(gan, SEED, number))
        assert set(found) == set(expected)
        assert all(abs(float(found[each]) - float(expected[each])) < 1e-11 for each in expected)
    found_state, expected_state = session.state(), reference.state()
    assert list(found_state) == list(gan.shapes)
    for array, values in expected_state.items():
        assert difference(found_state[array], values) < 1e-11, array


@pytest.mark.parametrize("name", sorted(set(TINY) - FLOAT64_ONLY))
def test_float32_makes_the_reference_s_pictures_and_gradients_to_its_precision(name: str) -> None:
    gan = TINY[name]
    session, reference = opened(gan, "float32"), open_reference(gan, gan.initial_state(SEED))
    fed = inputs(gan, SEED, 0)
    z, labels = fed.discriminator[0].latents, fed.discriminator[0].labels
    pictures = session.generate(z, labels)
    assert pictures.dtype == np.float32
    assert difference(pictures.astype(float), reference.generate(z, labels)) < 2e-6
    found, expected = session.gradients(fed), reference.gradients(fed)
    for array, gradient in expected.items():
        assert difference(found[array].astype(float), gradient) <= 1e-4 * np.max(np.abs(gradient)) + 1e-7, array


@pytest.mark.parametrize("name", sorted(each for each in TINY if each not in FLOAT64_ONLY | {"vectors"}))
def test_float32_takes_batches_of_one(name: str) -> None:
    gan = replace(TINY[name], protocol=msgspec.structs.replace(TINY[name].protocol, batch_size=1))
    session, reference = opened(gan, "float32"), open_reference(gan, gan.initial_state(SEED))
    found, expected = session.gradients(inputs(gan, SEED, 0)), reference.gradients(inputs(gan, SEED, 0))
    for array, gradient in expected.items():
        assert difference(found[array].astype(float), gradient) <= 1e-4 * np.max(np.abs(gradient)) + 1e-6, array


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_every_kernel_has_a_gradient_in_float32(transposed: bool, batch: int) -> None:
    # Which of its convolutions torch takes depends on every one of these numbers.
    convolve = torch.nn.functional.conv_transpose2d if transposed else torch.nn.functional.conv2d
    numbers = np.random.default_rng(0)
    for side, stride, taken, made, size in product((1, 2, 3, 4, 5), (1, 2), (1, 2, 4), (1, 2, 4), (1, 2, 3, 9)):
        channels, padding = ((made, taken), (side - 1) // 2) if transposed else ((taken, made), side // 2)
        kernel = {"kernel": numbers.normal(size=(side, side, *channels))}
        pictures = numbers.normal(size=(batch, size, size, taken))
        found = []
        for dtype in (torch.float32, torch.float64):
            place = arrays.Place(torch.device("cpu"), dtype, dtype)
            w = arrays.tensors(kernel, place)["kernel"].requires_grad_()
            x = arrays.to_torch(arrays.put(pictures, place)).requires_grad_()
            with devices.repeatable(place.device, 1):
                loss = convolve(x, w, stride=stride, padding=padding).square().mean()
                found.append(torch.autograd.grad(loss, [x, w]))
        for rough, exact in zip(*found, strict=True):
            assert torch.allclose(rough.double(), exact, rtol=1e-4, atol=1e-5), (side, stride, taken, made, size)


def test_still_gradients_and_moments_stay_zero() -> None:
    gan = TINY["kernel-5-even"]
    still = [each.name for each in gan.parameters("generator") if each.zero_gradient]
    assert still
    session = opened(gan)
    before = session.state()
    session.step(inputs(gan, SEED, 0))
    after = session.state()
    for name in still:
        assert not session.gradients(inputs(gan, SEED, 0))[f"generator/{name}"].any()
        assert not after[f"optimizer/generator/m/{name}"].any()
        assert np.array_equal(before[f"generator/{name}"], after[f"generator/{name}"])


def test_the_same_latent_makes_the_same_bits_in_any_company() -> None:
    stream = np.random.default_rng(1)
    for name, precision in (("labels", "float32"), ("vectors", "float32"), ("odd-sizes", "float64")):
        gan = TINY[name]
        session = opened(gan, precision)
        z, labels = stream.normal(size=(37, 4)), stream.integers(0, 3, 37)
        some = labels if gan.classes else None
        together = session.generate(z, some)
        order = stream.permutation(len(z))
        assert np.array_equal(session.generate(z[order], None if some is None else some[order]), together[order])
        for count in (1, 2, 16, 36):
            assert np.array_equal(session.generate(z[:count], None if some is None else some[:count]), together[:count])
    assert session.generate(z[:0], None).shape == (0, *gan.image_shape)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_going_on_from_a_state_gives_the_bits_of_never_having_stopped(precision: str) -> None:
    gan = small_dcgan()
    one = opened(gan, precision)
    for number in range(4):
        one.step(inputs(gan, SEED, number))
        if number == 1:
            halfway = one.state()
    other = opened(gan, precision)
    other.step(inputs(gan, SEED, 9))
    other.load_state(halfway)
    assert same_bits(other.state(), halfway)
    for number in (2, 3):
        other.step(inputs(gan, SEED, number))
    assert same_bits(one.state(), other.state())


def test_only_a_step_changes_anything() -> None:
    gan = TINY["residuals"]
    session = opened(gan)
    fed, before = inputs(gan, SEED, 0), session.state()
    session.gradients(fed)
    session.generate(fed.discriminator[0].latents, None)
    session.trace("generator", fed.discriminator[0].latents, None, key=3)
    session.native("generator").train()(torch.zeros(2, 4, dtype=torch.float64))
    assert same_bits(session.state(), before)


def test_a_state_is_a_copy_both_ways() -> None:
    session = opened(TINY["adam"])
    first, given = session.state(), session.state()
    session.load_state(given)
    for array in given.values():
        array.fill(7.0)
    assert same_bits(session.state(), first)
    session.step(inputs(TINY["adam"], SEED, 0))
    assert same_bits(first, opened(TINY["adam"]).state())


def test_loading_keeps_every_bit_and_rounds_to_nearest() -> None:
    gan = TINY["adam"]
    session = opened(gan, "float32")
    state = session.state()
    name = "generator/00_dense/kernel"
    state[name] = np.random.default_rng(0).integers(0, 2**32, state[name].shape, dtype=np.uint32).view(np.float32)
    session.load_state(state)
    assert same_bits(session.state(), state)
    state[name] = np.random.default_rng(0).normal(size=state[name].shape)
    state[name].flags.writeable = False
    session.load_state(state)
    assert np.array_equal(session.state()[name], state[name].astype(np.float32))


def test_a_wrong_state_is_refused_and_changes_nothing() -> None:
    gan = TINY["adam"]
    session = opened(gan)
    before = session.state()
    wrong = {name: array + 1.0 for name, array in before.items()}
    wrong["discriminator/00_conv/bias"] = np.zeros(5)
    with pytest.raises(StateError, match="discriminator/00_conv/bias"):
        session.load_state(wrong)
    assert same_bits(session.state(), before)
    with pytest.raises(StateError, match="missing"):
        open_session(gan, {}, "float64", "cpu")


def test_keeping_the_fakes_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = TINY["many-updates"]
    kept, made_again = opened(gan), opened(gan)
    assert gan.same_fakes_follow
    for number in range(2):
        kept.step(inputs(gan, SEED, number))
    monkeypatch.setattr(Gan, "same_fakes_follow", False)
    for number in range(2):
        made_again.step(inputs(gan, SEED, number))
    assert same_bits(kept.state(), made_again.state())


def test_scalars_wait_on_the_device_without_a_graph_behind_them() -> None:
    gan = TINY["wasserstein-gradient"]
    session = opened(gan)
    scalars = session.step(inputs(gan, SEED, 0))
    assert "d_penalty" in scalars
    assert all(
        isinstance(each, torch.Tensor) and each.ndim == 0 and not each.requires_grad for each in scalars.values()
    )
    assert not any(each.requires_grad or each.grad is not None for each in session._tensors.values())


@pytest.mark.parametrize("name", ["adam", "shared-average"])
def test_neither_update_differentiates_the_other_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gan = TINY[name]
    wanted: list[int] = []
    grad = torch.autograd.grad

    def counted(loss: torch.Tensor, leaves: list[torch.Tensor], **options: object) -> object:
        reached, found = [loss.grad_fn], set()
        while reached:
            node = reached.pop()
            found.add(node)
            reached += [below for below, _ in node.next_functions if below is not None and below not in found]
        wanted.append(sum(node.name() == "torch::autograd::AccumulateGrad" for node in found))
        assert wanted[-1] == len(leaves)
        return grad(loss, leaves, **options)

    monkeypatch.setattr(step.torch.autograd, "grad", counted)
    opened(gan).step(inputs(gan, SEED, 0))
    moving = [sum(each.trained and not each.zero_gradient for each in gan.parameters(network)) for network in NETWORKS]
    assert wanted == [moving[1], moving[0]]


def test_an_unknown_device_names_those_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PluginError, match=r"no device 'tpu'.*cpu"):
        open_session(TINY["adam"], TINY["adam"].initial_state(0), "float32", "tpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices.find("auto", "float32").type == "cuda"
    assert devices.find("cuda:1", "float64").index == 1
    assert devices.find("cpu", "float64").type == "cpu"
    with pytest.raises(PluginError, match=r"did you mean.*'cuda:1'"):
        devices.find("cuda:7", "float32")


def test_torch_is_not_imported_to_be_listed() -> None:
    code = (
        "import sys\n"
        "from ganforge_torch import plugin\n"
        "entry, = plugin.ganforge_backends()\n"
        "assert entry.name == 'torch' and 'torch' not in sys.modules, sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
@pytest.mark.parametrize("name", TINY)
def test_a_gpu_takes_the_steps_that_the_cpu_takes(name: str) -> None:
    gan = TINY[name]
    cpu, gpu = opened(gan), open_session(gan, gan.initial_state(SEED), "float64", "cuda")
    for number in range(2):
        cpu.step(inputs(gan, SEED, number))
        gpu.step(inputs(gan, SEED, number))
    found, expected = gpu.state(), cpu.state()
    for array, values in expected.items():
        assert difference(found[array], values) < 1e-11, array
