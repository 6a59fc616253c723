"""What is TensorFlow's own in its session: traces, sums in a fixed order, devices, silence."""

import subprocess
import sys

import numpy as np
import pytest
from frameworks import need, open_session
from tiers import slow

from ganforge.backend.feed import feed
from ganforge.errors import PluginError
from ganforge.testing.tiny_gans import TINY, inputs

tf = need("tensorflow")

from ganforge_tensorflow import devices
from ganforge_tensorflow import runtime as backend

SEED = 5


# Rates with bias correction, an average that warms up, keys, a probability: all new in each step.
@pytest.mark.parametrize("name", ["shared-average", slow("augmented-adaptive")])
def test_a_step_is_traced_once_whatever_its_numbers(name: str) -> None:
    gan = TINY[name]
    session = open_session("tensorflow", gan)
    for number in range(4):
        session.step(inputs(gan, SEED, number))
    assert session._step.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(("name", "traces"), [("schedules", 1), ("lazy-penalty", 2)])
def test_schedules_need_one_trace_and_a_lazy_penalty_two(name: str, traces: int) -> None:
    session = open_session("tensorflow", TINY[name])
    for number in range(5):
        session.step(inputs(TINY[name], SEED, number))
    assert session._step.experimental_get_tracing_count() == traces


def test_sessions_are_not_told_that_they_trace_too_often(caplog: pytest.LogCaptureFixture) -> None:
    gan = TINY["adam"]
    for _ in range(6):  # TensorFlow counts by the place of a function in its file and warns from the fifth on
        open_session("tensorflow", gan).generate(np.zeros((1, 4)), None)
    assert "retracing" not in caplog.text


def test_images_are_drawn_by_two_traces_at_most() -> None:
    gan = TINY["odd-sizes"]
    session = open_session("tensorflow", gan)
    for count in (1, 2, 15, 16, 37, 64):
        session.generate(np.zeros((count, 4)), None, exact=True)
    assert session._draw[False].experimental_get_tracing_count() == 1
    for count in (1, 16, 17, 37, 64, 65, 150):
        session.generate(np.zeros((count, 4)), None)
    assert session._draw[False].experimental_get_tracing_count() == 2
    assert session._draw[True].experimental_get_tracing_count() == 0


@pytest.mark.parametrize("name", ["residuals", "hinge-r1"])
def test_a_step_from_the_same_state_always_ends_in_the_same_bits(name: str) -> None:
    gan = TINY[name]  # nested sums, and gradients of gradients: three terms and more to be added in some order
    session = open_session("tensorflow", gan, "float32")
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
    session = open_session("tensorflow", gan, precision)
    with session._runtime.context():
        graph = session._step.get_concrete_function(feed(inputs(gan, SEED, 0), gan, session._runtime)).graph
    terms = {len(each.inputs) for each in graph.get_operations() if each.type == "AddN"}
    assert terms == {2}  # of two, both orders give the same; three are added as their memory becomes free


def test_an_unknown_device_names_those_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PluginError, match=r"no device 'tpu'.*cpu"):
        backend.open_session(TINY["adam"], TINY["adam"].initial_state(0), "float32", "tpu")
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
    assert {devices.find(name) for name in ("cuda:1", "GPU:1", "/gpu:1", "/device:GPU:1")} == {"/device:GPU:1"}
    assert list(devices.known()) == ["cuda:0", "cuda:1", "cpu"]
    for wrong in ("GPU:7", "", "gpu:1:2", "GPU 1"):
        with pytest.raises(PluginError, match="it has cuda:0, cuda:1, cpu"):
            devices.find(wrong)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert devices.find("mps") == "/device:GPU:0"


TOLD = """
import sys, os
from ganforge.testing.tiny_gans import TINY, inputs
from ganforge_tensorflow import plugin
entry, = plugin.ganforge_backends()
gan = TINY["labels"]
for precision in ("float32", "float64"):
    session = entry.open(gan, gan.initial_state(0), precision, "auto")
    session.step(inputs(gan, 0, 0))
    session.native("generator")
os.write(2, b"the last word")
"""


@pytest.mark.slow
def test_opening_and_training_write_nothing_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    done = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, check=True)
    assert done.stderr == "the last word"
    assert done.stdout == ""


def test_torch_computes_beside_it_what_it_computes_alone() -> None:
    torch = need("torch")
    x = torch.linspace(-1.0, 1.0, 48, dtype=torch.float64).reshape(1, 3, 4, 4)
    kernel = torch.linspace(0.0, 1.0, 54, dtype=torch.float64).reshape(2, 3, 3, 3)
    before, threads = torch.nn.functional.conv2d(x, kernel), torch.get_num_threads()
    gan = TINY["adam"]
    open_session("tensorflow", gan).step(inputs(gan, SEED, 0))
    assert torch.equal(torch.nn.functional.conv2d(x, kernel), before)
    assert torch.get_num_threads() == threads
