"""The TensorFlow session against the NumPy reference, and what it promises beyond the numbers."""

import subprocess
import sys

import numpy as np
import pytest

from ganforge.errors import PluginError, StateError
from ganforge.spec.arrays import Array, State
from ganforge.spec.gan import NETWORKS, Gan
from ganforge.testing.reference import open_reference
from ganforge.testing.tiny import TINY, inputs, small_dcgan

tf = pytest.importorskip("tensorflow")

from ganforge_tensorflow import devices  # noqa: E402
from ganforge_tensorflow.session import CHUNK, TensorFlowSession, open_session  # noqa: E402

SEED = 5


def opened(gan: Gan, precision: str = "float64") -> TensorFlowSession:
    return open_session(gan, gan.initial_state(SEED), precision, "cpu")


def difference(a: Array, b: Array) -> float:
    assert a.shape == b.shape
    return float(np.max(np.abs(a - b), initial=0.0))


def same_bits(a: State, b: State) -> bool:
    return list(a) == list(b) and all(a[name].tobytes() == b[name].tobytes() for name in a)


@pytest.mark.parametrize("name", ["odd-sizes", "paddings", "labels", "residuals", "wasserstein-gradient"])
def test_outputs_gradients_and_steps_are_those_of_the_reference(name: str) -> None:
    gan = TINY[name]
    session, reference = opened(gan), open_reference(gan, gan.initial_state(SEED))
    fed = inputs(gan, SEED, 0)
    z, labels = fed.discriminator[0].latents, fed.discriminator[0].labels
    pictures = np.random.default_rng(0).uniform(-1.0, 1.0, fed.discriminator[0].images.shape)
    for network, x in zip(NETWORKS, (z, pictures), strict=True):
        for key in (None, 0xDEADBEEF):
            traced = session.trace(network, x, labels, key=key)
            expected = reference.trace(network, x, labels, key=key)
            assert list(traced) == list(expected)
            for node, array in expected.items():
                assert difference(traced[node], array) < 1e-13, f"{network} {node}"
    found, expected = session.gradients(fed), reference.gradients(fed)
    assert set(found) == set(expected)
    for array, gradient in expected.items():
        assert difference(found[array], gradient) <= 1e-12 * np.max(np.abs(gradient)), array
    for number in range(3):
        scalars = session.step(inputs(gan, SEED, number))
        expected_scalars = reference.step(inputs(gan, SEED, number))
        assert set(scalars) == set(expected_scalars)
        assert all(abs(float(scalars[each]) - float(expected_scalars[each])) < 1e-11 for each in expected_scalars)
    found, expected = session.state(), reference.state()
    assert list(found) == list(gan.shapes)
    for array, values in expected.items():
        assert difference(found[array], values) < 1e-11, array


def test_a_step_is_traced_once_whatever_its_numbers() -> None:
    gan = TINY["shared-average"]  # rates with bias correction, an average that warms up, keys: all new in each step
    session = opened(gan)
    for number in range(4):
        session.step(inputs(gan, SEED, number))
    assert session._step.experimental_get_tracing_count() == 1


def test_sessions_are_not_told_that_they_trace_too_often(caplog: pytest.LogCaptureFixture) -> None:
    gan = TINY["adam"]
    for _ in range(6):  # TensorFlow counts by the place of a function in its file and warns from the fifth on
        opened(gan).generate(np.zeros((1, 4)), None)
    assert "retracing" not in caplog.text


def test_still_gradients_and_moments_stay_zero() -> None:
    gan = TINY["kernel-5-even"]
    still = [each.name for each in gan.parameters("generator") if each.zero_gradient]
    assert still
    session = opened(gan)
    before = session.state()
    session.step(inputs(gan, SEED, 0))
    after, found = session.state(), session.gradients(inputs(gan, SEED, 0))
    for name in still:
        assert not found[f"generator/{name}"].any()
        assert not after[f"optimizer/generator/m/{name}"].any()
        assert np.array_equal(before[f"generator/{name}"], after[f"generator/{name}"])


@pytest.mark.parametrize(
    ("name", "precision"), [("labels", "float32"), ("vectors", "float64"), ("odd-sizes", "float32")]
)
def test_the_same_latent_makes_the_same_bits_in_any_company(name: str, precision: str) -> None:
    gan, stream = TINY[name], np.random.default_rng(1)
    session = opened(gan, precision)
    z, labels = stream.normal(size=(37, 4)), stream.integers(0, 3, 37)

    def made(chosen: np.ndarray) -> Array:
        return session.generate(z[chosen], labels[chosen] if gan.classes else None)

    together = made(np.arange(37))
    for count in (1, 2, CHUNK, CHUNK + 1, 36):
        assert np.array_equal(made(np.arange(count)), together[:count])
    for chosen in (stream.permutation(37), stream.integers(0, 37, 50)):
        assert np.array_equal(made(chosen), together[chosen])
    assert made(np.arange(0)).shape == (0, *gan.image_shape)
    assert session._pictures.experimental_get_tracing_count() == 1


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


@pytest.mark.parametrize("name", ["residuals", "hinge-r1"])
def test_a_step_from_the_same_state_always_ends_in_the_same_bits(name: str) -> None:
    gan = TINY[name]  # nested sums, and gradients of gradients: three terms and more to be added in some order
    session = opened(gan, "float32")
    start, fed = session.state(), inputs(gan, SEED, 0)
    ends = set()
    for _ in range(60):
        session.load_state(start)
        session.step(fed)
        ends.add(b"".join(array.tobytes() for array in session.state().values()))
    assert len(ends) == 1


@pytest.mark.parametrize("name", ["residuals", "hinge-r1", "wasserstein-gradient"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_no_sum_in_a_step_is_left_to_find_its_own_order(name: str, precision: str) -> None:
    gan = TINY[name]
    session = opened(gan, precision)
    graph = session._step.get_concrete_function(session._feed(inputs(gan, SEED, 0))).graph
    terms = {len(each.inputs) for each in graph.get_operations() if each.type == "AddN"}
    assert terms == {2}  # of two, both orders give the same; three are added as their memory becomes free


def test_only_a_step_changes_anything() -> None:
    gan = TINY["residuals"]
    session = opened(gan)
    fed, before = inputs(gan, SEED, 0), session.state()
    session.gradients(fed)
    session.generate(fed.discriminator[0].latents, None)
    session.trace("generator", fed.discriminator[0].latents, None, key=3)
    session.native("generator")(np.zeros((2, 4)), training=True)
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
    session = opened(TINY["adam"], "float32")
    state, name, stream = session.state(), "generator/00_dense/kernel", np.random.default_rng(0)
    state[name] = stream.integers(0, 2**32, state[name].shape, dtype=np.uint32).view(np.float32)
    session.load_state(state)
    assert same_bits(session.state(), state)
    state[name] = stream.normal(size=state[name].shape)
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


@pytest.mark.parametrize("averaged", [False, True])
def test_averaged_pictures_are_those_of_the_reference(averaged: bool) -> None:
    gan = TINY["shared-average"]
    session, reference = opened(gan), open_reference(gan, gan.initial_state(SEED))
    for number in range(2):
        session.step(inputs(gan, SEED, number))
        reference.step(inputs(gan, SEED, number))
    z = inputs(gan, SEED, 0).generator[0].latents
    made = session.generate(z, None, averaged=averaged)
    assert difference(made, reference.generate(z, None, averaged=averaged)) < 1e-11
    assert difference(made, session.generate(z, None, averaged=not averaged)) > 1e-4


def test_an_unknown_device_names_those_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PluginError, match=r"no device 'tpu'.*CPU:0"):
        open_session(TINY["adam"], TINY["adam"].initial_state(0), "float32", "tpu")
    logical = [tf.config.LogicalDevice(f"/device:{name}", name[:3]) for name in ("CPU:0", "GPU:0", "GPU:1")]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: logical)
    repeatable: list[str] = []
    monkeypatch.setattr(
        tf.config.experimental, "enable_tensor_float_32_execution", lambda on: repeatable.append(f"tf32 {on}")
    )
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: repeatable.append("ops"))
    assert devices.find("cpu") == "/device:CPU:0"
    assert not repeatable
    assert devices.find("auto") == "/device:GPU:0"
    assert repeatable == ["tf32 False", "ops"]
    assert devices.find("GPU:1") == devices.find("/gpu:1") == devices.find("/device:GPU:1") == "/device:GPU:1"
    for wrong in ("GPU:7", "", "gpu:1:2", "GPU 1"):
        with pytest.raises(PluginError, match="GPU:1"):
            devices.find(wrong)


LISTED = """
import sys
from ganforge_tensorflow import plugin
entry, = plugin.ganforge_backends()
assert entry.name == "tensorflow" and not {"tensorflow", "keras"} & set(sys.modules), sorted(sys.modules)
"""

TOLD = """
import sys, os
from ganforge.testing.tiny import TINY, inputs
from ganforge_tensorflow import plugin
entry, = plugin.ganforge_backends()
gan = TINY["labels"]
for precision in ("float32", "float64"):
    session = entry.open(gan, gan.initial_state(0), precision, "auto")
    session.step(inputs(gan, 0, 0))
    session.native("generator")
os.write(2, b"the last word")
"""


def test_tensorflow_is_not_imported_to_be_listed() -> None:
    subprocess.run([sys.executable, "-c", LISTED], check=True)


def test_opening_and_training_write_nothing_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    done = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, check=True)
    assert done.stderr == "the last word"
    assert done.stdout == ""


def test_torch_computes_beside_it_what_it_computes_alone() -> None:
    torch = pytest.importorskip("torch")
    x = torch.linspace(-1.0, 1.0, 48, dtype=torch.float64).reshape(1, 3, 4, 4)
    kernel = torch.linspace(0.0, 1.0, 54, dtype=torch.float64).reshape(2, 3, 3, 3)
    before, threads = torch.nn.functional.conv2d(x, kernel), torch.get_num_threads()
    gan = TINY["adam"]
    opened(gan).step(inputs(gan, SEED, 0))
    assert torch.equal(torch.nn.functional.conv2d(x, kernel), before)
    assert torch.get_num_threads() == threads


@pytest.mark.gpu
@pytest.mark.parametrize("name", TINY)
def test_a_gpu_takes_the_steps_that_the_cpu_takes(name: str) -> None:
    if not tf.config.list_logical_devices("GPU"):
        pytest.skip("no GPU that TensorFlow can use")
    gan = TINY[name]
    cpu, gpu = opened(gan), open_session(gan, gan.initial_state(SEED), "float64", "gpu")
    for number in range(2):
        cpu.step(inputs(gan, SEED, number))
        gpu.step(inputs(gan, SEED, number))
    found, expected = gpu.state(), cpu.state()
    for array, values in expected.items():
        assert difference(found[array], values) < 1e-11, array
