"""The core's engine without a framework: which form of a layer is taken, whose arrays are whose."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ganforge.backend.forward import forward
from ganforge.backend.network_views import View
from ganforge.backend.runtime import NO_FAST_FORMS, FastForms, SingleProcess, plain_asked
from ganforge.backend.updates import apply_update
from ganforge.spec.gan import NETWORKS
from ganforge.spec.layers import Relu, Tanh
from ganforge.spec.layers.contract import Node
from ganforge.spec.network import Network, resolve
from ganforge.spec.optimizers import Scale
from ganforge.testing.tiny_gans import TINY

X = np.ones((2, 3))


class Ops:
    """Operations that note their names."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda x, *given: (self.done.append(name), x)[1]


def runtime(fast: FastForms = NO_FAST_FORMS) -> Any:
    return SimpleNamespace(ops=Ops(), fast=fast, replicas=SingleProcess())


NODES = resolve(Network(input=(3,), layers=(Relu(), Tanh(), Relu(), Tanh())))


@pytest.mark.parametrize(
    ("value", "plain"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)], ids=str
)
def test_plain_is_asked_for_by_the_environment(value: str | None, plain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANFORGE_PLAIN", raising=False)
    if value is not None:
        monkeypatch.setenv("GANFORGE_PLAIN", value)
    assert plain_asked() == plain


def test_layers_without_a_fast_form_are_computed_by_their_definition() -> None:
    there = runtime()
    forward(there, NODES, {}, X, None)
    assert there.ops.done == ["relu", "tanh", "relu", "tanh"]


def test_a_pair_is_taken_before_a_layer_and_both_may_decline() -> None:
    asked: list[tuple[str, ...]] = []

    def layer(node: Node, x: Any, run: Any) -> Any:
        asked.append((node.name,))
        return x if node.name == "02_relu" else None

    def pair(first: Node, second: Node, x: Any, run: Any) -> Any:
        asked.append((first.name, second.name))
        return x if first.name == "00_relu" else None

    there = runtime(FastForms(layers={Relu: layer, Tanh: layer}, pairs={(Relu, Tanh): pair}))
    forward(there, NODES, {}, X, None)
    assert asked == [("00_relu", "01_tanh"), ("02_relu", "03_tanh"), ("02_relu",), ("03_tanh",)]
    assert there.ops.done == ["tanh"]  # of the last, which has declined


def test_a_trace_takes_no_fast_form_and_keeps_every_output() -> None:
    def never(*given: Any) -> Any:
        raise AssertionError("a trace took a fast form")

    there = runtime(FastForms(layers={Relu: never}, pairs={(Relu, Tanh): never}))
    output, run = forward(there, NODES, {}, X, None, traced=True)
    assert list(run.outputs) == [node.name for node in NODES]
    assert run.outputs["03_tanh"] is output
    assert not forward(runtime(), NODES, {}, X, None)[1].outputs


def test_a_view_names_every_array_of_a_state_once() -> None:
    for gan in TINY.values():
        views = [View.of_network(gan, network) for network in NETWORKS]
        if gan.protocol.average:
            views.append(View.of_average(gan))
        found = [name for view in views for name in view.names.values()]
        found += [name for view in views for names in view.slots.values() for name in names.values()]
        found += gan.kept  # of neither network
        assert sorted(found) == sorted(gan.shapes)
        for network, view in zip(NETWORKS, views, strict=False):
            parameters = gan.parameters(network)
            assert view.trained == tuple(each.name for each in parameters if each.trained)
            still = {each.name for each in parameters if each.zero_gradient}
            assert set(view.differentiated) == set(view.trained) - still
            assert set(view.slots) == set(gan.protocol.player(network).optimizer.slots())


def test_a_view_of_arrays_goes_by_their_names_in_the_network() -> None:
    gan = TINY["shared-average"]
    state = gan.initial_state(0)
    for network in NETWORKS:
        arrays = View.of_network(gan, network).arrays(state)
        assert list(arrays) == [each.name for each in gan.parameters(network)]
        assert all(array is state[f"{network}/{name}"] for name, array in arrays.items())
    assert all(name.startswith("averaged/") for name in View.of_average(gan).names.values())


def test_an_update_hands_back_its_own_arrays_alone_and_changes_none() -> None:
    gan = TINY["labels"]
    state = gan.initial_state(0)
    before = {name: array.copy() for name, array in state.items()}
    view = View.of_network(gan, "generator")
    ops = SimpleNamespace(square=np.square, sqrt=np.sqrt, clip=np.clip)
    there = SimpleNamespace(ops=ops, fast=NO_FAST_FORMS, replicas=SingleProcess())
    gradients = {name: np.ones_like(array) for name, array in view.arrays(state).items() if name in view.trained}
    moved = {view.names[name]: array + 1 for name, array in view.arrays(state).items() if name not in view.trained}
    changed = apply_update(there, gan, view, state, gradients, moved, Scale(0.1, 1.0))
    own = {*view.names.values(), *(name for names in view.slots.values() for name in names.values())}
    assert set(changed) == own
    assert all(np.array_equal(state[name], array) for name, array in before.items())
    assert all(np.array_equal(changed[name], array) for name, array in moved.items())
