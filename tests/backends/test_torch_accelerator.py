"""What a step owes an accelerator, shown without one: on torch's device 'meta' tensors have shapes but no values.

Reading a value, which on a GPU waits for all that was asked of it, cannot be done there. Every operation is looked at:
it may send a tensor from the host to the device, and otherwise touches nothing that lies on the host.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from frameworks import need
from tiers import few

import ganforge
from ganforge.backend import SingleProcess, StepInputs
from ganforge.plugins.host import default_host
from ganforge.recipes.shipped import shipped_recipes
from ganforge.spec import Gan, LeakyRelu
from ganforge.testing.tiny_gans import FLOAT64_ONLY, TINY, inputs
from ganforge.training.batches import draw_step
from ganforge.training.benchmark import on_noise

torch = need("torch")

from ganforge_torch import runtime
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_SENDS = {"aten._to_copy.default", "aten.lift_fresh.default", "aten.detach.default", "aten.copy_.default"}
"""Operations by which an array of NumPy comes to the device."""
PRECISIONS = ["float32", "bfloat16"]


class Watch(TorchDispatchMode):
    """Fails at an operation on a tensor of the host that does not send it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        tensors = [each for each in tree_leaves((args, kwargs, found)) if isinstance(each, torch.Tensor)]
        kinds = {each.device.type for each in tensors}
        assert str(func) in _SENDS or kinds <= {"meta"}, f"{func} has to do with tensors on {kinds}"
        return found


@pytest.fixture(autouse=True)
def meta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.devices, "find", lambda name, precision: torch.device(name))


def steps(gan: Gan, precision: Any, fed: Iterator[StepInputs]) -> None:
    session = runtime.session_of(gan, gan.initial_state(0), precision, "meta", SingleProcess())
    with Watch():
        for each in fed:
            scalars = session.step(each)
    assert {each.device.type for each in [*scalars.values(), *session._arrays.values()]} == {"meta"}


def tiny(name: str) -> Iterator[StepInputs]:
    return (inputs(TINY[name], 0, number) for number in range(2))


@pytest.mark.parametrize("precision", few(PRECISIONS, ["float32"]))
@pytest.mark.parametrize("name", sorted(set(TINY) - FLOAT64_ONLY))
def test_a_step_waits_for_no_value_and_leaves_nothing_on_the_host(name: str, precision: str) -> None:
    steps(TINY[name], precision, tiny(name))


@pytest.mark.parametrize("name", few((entry.name for entry in shipped_recipes()), ["digits", "dcgan"]))
def test_no_recipe_s_step_does_at_its_full_size(name: str) -> None:
    recipe = ganforge.load_recipe(name, overrides={"run": {"backend": "torch", "device": "cpu"}})
    few = msgspec.structs.replace(recipe, training=msgspec.structs.replace(recipe.training, batch_size=16))
    experiment = on_noise(few, default_host())
    for precision in PRECISIONS:
        steps(experiment.gan, precision, (draw_step(experiment.batches, number) for number in range(2)))


def test_a_value_that_is_read_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = LeakyRelu.forward

    def reading(self: Any, node: Any, x: Any, run: Any) -> Any:
        return plain(self, node, x * x.mean().item(), run)

    monkeypatch.setattr(LeakyRelu, "forward", reading)
    monkeypatch.setattr(runtime, "FAST", runtime.NO_FAST_FORMS)
    with pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta tensors"):
        steps(TINY["labels"], "float32", tiny("labels"))


def test_a_number_that_is_left_on_the_host_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = LeakyRelu.forward

    def mixing(self: Any, node: Any, x: Any, run: Any) -> Any:
        return plain(self, node, x * torch.full((), 2.0), run)  # torch takes it without a word, as on a GPU

    monkeypatch.setattr(LeakyRelu, "forward", mixing)
    monkeypatch.setattr(runtime, "FAST", runtime.NO_FAST_FORMS)
    with pytest.raises(AssertionError, match="cpu"):
        steps(TINY["labels"], "float32", tiny("labels"))
