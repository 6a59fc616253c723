"""Every fast form gives what the core's own operations give: outputs, gradients, moved statistics, updates."""

from collections.abc import Callable
from dataclasses import replace
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from frameworks import FRAMEWORKS, TORCH_FIRST, framework, need, open_session

from ganforge.backend import NO_FAST_FORMS, GanSession, Runtime, label_as_bias
from ganforge.backend.forward import forward
from ganforge.backend.network_views import View
from ganforge.backend.updates import apply_update, move_average
from ganforge.spec.layers import (
    BatchNorm,
    ConditionalBatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Gelu,
    GroupNorm,
    InstanceNorm,
    JoinLabel,
    LayerNorm,
    LeakyRelu,
    Prelu,
    Relu,
    Silu,
)
from ganforge.spec.layers.contract import Layer, Node
from ganforge.spec.network import Network, resolve
from ganforge.spec.optimizers import OPTIMIZERS, SGD, Adam, Optimizer, RMSprop, Scale
from ganforge.spec.parameters import parameters
from ganforge.spec.protocol import Player
from ganforge.spec.schedules import Schedule
from ganforge.testing import optimizers as reference
from ganforge.testing.reference import open_reference
from ganforge.testing.tiny_gans import TINY, inputs

Arrays = dict[str, np.ndarray]

ALWAYS = -(10**12)
"""Multiplications to be spared from which on a label is always joined as a bias."""

WITH_LISTS = ("torch", "tensorflow")
"""Those with fast forms of batch norms and optimizers. XLA makes one pass of the core's operations by itself."""


@pytest.fixture(params=TORCH_FIRST)
def name(request: pytest.FixtureRequest) -> str:
    need(request.param)
    return str(request.param)


def runtime_of(name: str, precision: Any = "float64") -> Any:
    return open_session(name, TINY["adam"], precision)._runtime


# Layers --------------------------------------------------------------------------------------------------------------

FIRST: dict[type, tuple[Layer, ...]] = {
    Dense: (Dense(units=7),),
    Conv: (Conv(filters=5, kernel=3, stride=2),),
    ConvTranspose: (ConvTranspose(filters=5, kernel=4, stride=2, padding="same"),),
    BatchNorm: (Conv(filters=4, kernel=2), BatchNorm(decay=0.8, epsilon=1e-3)),
    JoinLabel: (JoinLabel(),),
}
"""Layers that end in one of the first kind of a pair."""
SECOND: dict[type, Layer] = {
    Relu: Relu(),
    LeakyRelu: LeakyRelu(slope=0.3),
    Conv: Conv(filters=3, kernel=3, padding="same"),
    ConvTranspose: ConvTranspose(filters=3, kernel=4, stride=2, padding="same"),
}
MODES = ("in training", "a penalty", "by running values")
KEY, CLASSES = 3, 4


def drawn(nodes: tuple[Node, ...]) -> Arrays:
    """Values of every array of a network."""
    stream = np.random.default_rng(7)
    return {each.name: 1.0 + 0.3 * stream.normal(size=each.shape) for each in parameters(nodes)}


def computed(runtime: Any, nodes: tuple[Node, ...], x: np.ndarray, mode: str) -> Arrays:
    """What a pass of a network gives, its gradients, and the statistics that it moves."""
    ops, arrays = runtime.ops, drawn(nodes)
    wanted = [each.name for each in parameters(nodes) if each.trained]
    held = runtime.arrays(arrays | {"x": x})
    weights = runtime.real(np.random.default_rng(8).normal(size=(len(x), *nodes[-1].output)))
    labels = runtime.real(np.eye(CLASSES)[np.arange(len(x)) % CLASSES]) if nodes[0].classes else None

    def work(held: Any, key: Any) -> Any:
        def loss(leaves: Any) -> Any:
            own = {**held, **leaves}

            def made(x: Any) -> Any:
                return forward(
                    runtime,
                    nodes,
                    own,
                    x,
                    labels,
                    key=None if mode == "by running values" else ops.unstack(key)[0],
                    moving=mode == "in training",
                    second_order=mode == "a penalty",
                )

            output, run = made(own["x"])
            value = output * output * weights
            if mode == "a penalty":
                value = ops.square(ops.gradient(lambda x: made(x)[0] * made(x)[0] * weights, own["x"]))
            return ops.sum_over(value, tuple(range(len(value.shape)))), (output, run.moved)

        found = runtime.vjp(loss, {each: held[each] for each in [*wanted, "x"]})
        output, moved = found.aux
        gradients = {f"gradient of {each}": array for each, array in found.pull().items()}
        return {}, {"output": ops.stop_gradient(output), **moved, **gradients}

    with runtime.context():
        found = runtime.compile(work, held, changing=True)(runtime.keys([KEY]))
        return {each: runtime.to_numpy(array) for each, array in found.items()}


def agree(found: Arrays, expected: Arrays, tolerance: float) -> None:
    assert found.keys() == expected.keys()
    for each, array in expected.items():
        assert found[each].shape == array.shape, each
        assert np.abs(found[each] - array).max() <= tolerance * max(1.0, np.abs(array).max()), each


def seen(form: Callable[..., Any], calls: list[bool]) -> Callable[..., Any]:
    """The form, noting whether it applied."""

    def noted(*given: Any) -> Any:
        made = form(*given)
        calls.append(made is not None)
        return made

    return noted


def alone(runtime: Any, **forms: Any) -> Any:
    """The runtime with these fast forms and no other."""
    return replace(runtime, fast=replace(NO_FAST_FORMS, **forms))


@pytest.mark.parametrize("mode", MODES)
def test_two_layers_as_one(name: str, mode: str) -> None:
    runtime = runtime_of(name)
    assert runtime.fast.pairs
    for (first, second), form in runtime.fast.pairs.items():
        layers = (*FIRST[first], SECOND[second])
        shape = (6,) if first is Dense else (6, 5, 3)
        nodes = resolve(Network(input=shape, layers=layers, classes=CLASSES if first is JoinLabel else 0))
        x, calls = np.random.default_rng(1).normal(size=(6, *shape)), []
        taken = label_as_bias(ALWAYS) if first is JoinLabel else form
        found = computed(alone(runtime, pairs={(first, second): seen(taken, calls)}), nodes, x, mode)
        assert any(calls), (first, second)
        agree(found, computed(alone(runtime), nodes, x, mode), 1e-12)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 3)], ids=["vectors", "images"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("scale", "offset"), [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("name", [name for name in FRAMEWORKS if name in WITH_LISTS])
def test_a_batch_norm_in_one_call(name: str, shape: tuple[int, ...], mode: str, scale: bool, offset: bool) -> None:
    """TensorFlow has one for float32 alone, and in training without penalties."""
    need(name)
    precision, tolerance = ("float64", 1e-12) if name == "torch" else ("float32", 2e-6)
    runtime, calls = runtime_of(name, precision), list[bool]()
    layer = BatchNorm(decay=0.8, epsilon=1e-3, scale=scale, offset=offset)
    nodes = resolve(Network(input=shape, layers=(layer,)))
    x = np.random.default_rng(0).normal(2.0, 0.5, (8, *shape)).astype(precision)
    found = computed(alone(runtime, layers={BatchNorm: seen(runtime.fast.layers[BatchNorm], calls)}), nodes, x, mode)
    assert any(calls) == (name == "torch" or mode == "in training")
    agree(found, computed(alone(runtime), nodes, x, mode), tolerance)
    if mode == "in training":
        every = x.reshape(-1, shape[-1]).astype(float)
        seen_variance = (found["00_batch_norm/variance"] - 0.8 * drawn(nodes)["00_batch_norm/variance"]) / 0.2
        assert np.abs(seen_variance - every.var(0, ddof=1)).max() < 10 * tolerance
        assert np.abs(seen_variance - every.var(0)).max() > 0.5 * every.var(0).max() / len(every)  # the unbiased one


LAYERS: dict[type[Layer], Layer] = {
    LayerNorm: LayerNorm(epsilon=1e-3),
    InstanceNorm: InstanceNorm(epsilon=1e-3, scale=False),
    GroupNorm: GroupNorm(groups=2, epsilon=1e-3, offset=False),
    ConditionalBatchNorm: ConditionalBatchNorm(decay=0.8, epsilon=1e-3),
    Gelu: Gelu(),
    Silu: Silu(),
    Prelu: Prelu(),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_a_layer_in_one_call_of_torch(kind: type[Layer], mode: str) -> None:
    runtime, calls = runtime_of("torch"), list[bool]()
    nodes = resolve(
        Network(input=(3, 4, 4), layers=(LAYERS[kind],), classes=CLASSES if LAYERS[kind].reads_labels else 0)
    )
    x = np.random.default_rng(0).normal(0.5, 1.0, (5, 3, 4, 4))
    found = computed(alone(runtime, layers={kind: seen(runtime.fast.layers[kind], calls)}), nodes, x, mode)
    assert all(calls) and calls
    agree(found, computed(alone(runtime), nodes, x, mode), 1e-12)


def test_no_layer_has_a_fast_form_that_is_not_tested_here(name: str) -> None:
    fast = runtime_of(name).fast
    assert set(fast.layers) == ({BatchNorm} if name in WITH_LISTS else set()) | (
        set(LAYERS) if name == "torch" else set()
    )
    assert set(fast.optimizers) == (set(OPTIMIZERS) if name in WITH_LISTS else set())
    assert (fast.average is not None) == (name in WITH_LISTS)


@pytest.mark.parametrize("tiny", [name for name, gan in TINY.items() if gan.classes])
def test_labels_joined_to_images_may_be_biases(name: str, tiny: str) -> None:
    gan = TINY[tiny]
    fed, state = inputs(gan, 1, 0), gan.initial_state(1)
    runtime: Runtime = runtime_of(name)
    pairs = {pair: label_as_bias(ALWAYS) if pair[0] is JoinLabel else form for pair, form in runtime.fast.pairs.items()}
    forced = replace(runtime, fast=replace(runtime.fast, pairs=pairs))  # type: ignore[type-var]
    session, reference = GanSession(gan, state, forced, lambda *_: None), open_reference(gan, state)
    found, expected = session.gradients(fed), reference.gradients(fed)
    for array, gradient in expected.items():
        assert np.allclose(found[array], gradient, rtol=1e-11, atol=1e-13), array
    scalars, exact = session.step(fed), reference.step(fed)
    assert all(abs(float(scalars[each]) - float(exact[each])) < 1e-12 for each in exact)


# Optimizers ----------------------------------------------------------------------------------------------------------

SETTINGS: list[Optimizer] = [
    Adam(learning_rate=1e-2, beta1=0.5, beta2=0.999, clip=0.5),
    Adam(learning_rate=1e-2, beta1=0.9, beta2=0.99, epsilon=1e-3, rate_decay=0.1),
    Adam(learning_rate=1e-2, beta1=0.9, beta2=0.99, epsilon=1e-3, epsilon_hat=True, clip=0.5),
    RMSprop(learning_rate=1e-2, epsilon=1e-4),
    RMSprop(learning_rate=1e-2, epsilon=1e-4, epsilon_inside_sqrt=True, clip=0.5),
    SGD(learning_rate=1e-2, momentum=0.9, clip=0.5),
    SGD(learning_rate=1e-2),
    Adam(learning_rate=1e-2, beta2=Schedule(kind="linear", start=0.5, end=0.9, steps=2), weight_decay=0.5),
    RMSprop(learning_rate=1e-2, epsilon=1e-4, weight_decay=0.5),
    SGD(learning_rate=1e-2, momentum=0.9, weight_decay=0.5),
]
FORMS = [
    *(pytest.param(name, "plain", id=f"{name}-plain") for name in FRAMEWORKS),
    *(pytest.param(name, "fast", id=f"{name}-fast") for name in FRAMEWORKS if name in WITH_LISTS),
    *(pytest.param(name, "compiled", id=f"{name}-compiled") for name in FRAMEWORKS if name == "tensorflow"),
]
SHAPES = {"dense": (3, 5), "kernel": (3, 2, 4, 5), "bias": (5,)}


def view(prefix: str, slots: tuple[str, ...] = ()) -> View:
    """A network whose arrays are those of SHAPES."""
    names = {each: f"{prefix}/{each}" for each in SHAPES}
    kept = {slot: {each: f"optimizer/{prefix}/{slot}/{each}" for each in SHAPES} for slot in slots}
    return View(prefix=prefix, names=names, trained=tuple(SHAPES), differentiated=tuple(SHAPES), slots=kept)


def runtime_in(name: str, form: str, precision: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    runtime = runtime_of(name, precision)
    if name == "tensorflow":
        monkeypatch.setattr(framework(name).fast, "_LARGE", 0 if form == "compiled" else 10**9)
    return replace(runtime, fast=NO_FAST_FORMS) if form == "plain" else runtime


@pytest.mark.parametrize(("name", "form"), FORMS)
@pytest.mark.parametrize("optimizer", SETTINGS, ids=str)
@pytest.mark.parametrize(("precision", "rtol", "atol"), [("float64", 1e-13, 1e-15), ("float32", 1e-5, 1e-6)])
def test_every_form_of_an_optimizer_moves_arrays_as_the_reference_does(
    name: str,
    form: str,
    optimizer: Optimizer,
    precision: Any,
    rtol: float,
    atol: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need(name)
    runtime = runtime_in(name, form, precision, monkeypatch)
    stream, gan = np.random.default_rng(5), SimpleNamespace()
    gan.protocol = SimpleNamespace(player=lambda network: Player(optimizer=optimizer))
    state = {f"generator/{each}": stream.normal(size=shape) for each, shape in SHAPES.items()}
    for slot in optimizer.slots():
        state |= {f"optimizer/generator/{slot}/{each}": stream.normal(size=SHAPES[each]) ** 2 for each in SHAPES}
    held = runtime.arrays(state)

    def update(held: Any, gradients: Any, numbers: Any) -> Any:
        scale = Scale(*runtime.ops.unstack(numbers))
        return apply_update(runtime, gan, view("generator", optimizer.slots()), held, gradients, {}, scale), nothing(
            held
        )  # type: ignore[arg-type]

    with runtime.context():
        run = runtime.compile(update, held, changing=True)
        for count in range(3):
            gradients = {each: stream.normal(size=shape) for each, shape in SHAPES.items()}
            run(
                {each: runtime.real(array) for each, array in gradients.items()},
                runtime.numbers(optimizer.scale(count)),
            )
            for each, gradient in gradients.items():
                slots = {slot: f"optimizer/generator/{slot}/{each}" for slot in optimizer.slots()}
                kept = {slot: state[place] for slot, place in slots.items()}
                place = f"generator/{each}"
                state[place], kept = reference.update(optimizer, state[place], gradient, kept, optimizer.scale(count))
                state |= {slots[slot]: array for slot, array in kept.items()}
    for each, array in state.items():
        assert np.allclose(runtime.to_numpy(held[each]), array, rtol=rtol, atol=atol), each


def nothing(held: Any) -> Any:
    """A result for a function that is called for what it changes."""
    return {name: each[:0] for name, each in list(held.items())[:1]}


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_every_form_of_the_average(name: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need(name)
    runtime = runtime_in(name, form, "float64", monkeypatch)
    state = {}
    for start, top in enumerate(("averaged", "generator")):
        for each, shape in SHAPES.items():
            state[f"{top}/{each}"] = (start * 8.0 + np.arange(prod(shape), dtype=float)).reshape(shape)
    held = runtime.arrays(state)

    def average(held: Any, numbers: Any) -> Any:
        kept, taken = runtime.ops.unstack(numbers)
        return move_average(runtime, view("averaged"), held, kept=kept, taken=taken), nothing(held)

    with runtime.context():
        runtime.compile(average, held, changing=True)(runtime.numbers([0.75, 0.25]))
    for each in SHAPES:
        expected = 0.75 * state[f"averaged/{each}"] + 0.25 * state[f"generator/{each}"]
        assert runtime.to_numpy(held[f"averaged/{each}"]).tolist() == expected.tolist()
        assert np.array_equal(runtime.to_numpy(held[f"generator/{each}"]), state[f"generator/{each}"])
