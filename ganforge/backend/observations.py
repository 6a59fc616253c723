"""What a session computes, as a list of named arrays in the order of computation; and how far two such arrays differ.

The parity contract and its diagnosis both read this list: the first array that differs is where to look.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ganforge.backend.contract import Precision, Session, StepInputs
from ganforge.spec.arrays import Array, Labels, State
from ganforge.spec.gan import NETWORKS, Gan, NetworkName
from ganforge.spec.layers.contract import Node
from ganforge.spec.protocol import Protocol


class Tolerances(NamedTuple):
    """Largest differences between two correct backends; see docs/parity.md.

    In float32 the floors of what a backend may lie from its own float64, in the mean over an array.
    """

    outputs: float
    gradients: float
    moments: float
    """A squared gradient has twice its relative error."""
    one_step: float
    running: float
    """Running values after one step."""
    lock_step: float


TOLERANCES: dict[Precision, Tolerances] = {
    "float64": Tolerances(
        outputs=1e-13, gradients=1e-12, moments=1e-12, one_step=1e-12, running=1e-12, lock_step=1e-11
    ),
    "float32": Tolerances(outputs=2e-6, gradients=2e-5, moments=4e-5, one_step=1e-7, running=2e-6, lock_step=1e-5),
}


def free_run(precision: Precision, steps: int) -> tuple[int, float]:
    """How many of `steps` steps a free run is determined for, and its tolerance.

    Rounding grows: in float64 by ten in some forty steps after the first two hundred; in float32 a ReLU that falls on
    the other side of 0 can part two runs after any step.
    """
    if precision == "float32":
        return 5, 1e-5
    return 500, 1e-11 if steps <= 200 else 1e-7


class Seen(NamedTuple):
    """One array that a session computed."""

    row: str
    """What it is part of."""
    name: str
    step: int
    """Steps done before."""
    value: Array
    floor: float
    """Differences are relative to the array's largest number, or to this if that is smaller."""
    tolerance: float
    derived: bool = True
    """Whether derivatives went into it."""
    traced: bool = False
    """Whether it is a node's output in a trace, in which no fast form is taken."""


_ABSENT = np.array(np.nan)
NOTHING = float(np.finfo(np.float64).tiny)
"""The floor of what is zero by definition."""
_SHARE = 1e-2
"""A gradient much smaller than its network's largest may be a sum of large terms that cancel; it is held to less."""


def difference(x: Seen, y: Seen) -> tuple[float, tuple[int, ...]]:
    """The largest difference of two arrays, relative to `x`'s scale, and its index."""
    if x.value.shape != y.value.shape or not (np.isfinite(x.value).all() and np.isfinite(y.value).all()):
        return np.inf, ()
    if x.value.size == 0:
        return 0.0, ()
    apart = np.abs(x.value.astype(np.float64) - y.value.astype(np.float64))
    index = tuple(int(place) for place in np.unravel_index(int(apart.argmax()), apart.shape))
    if apart[index] == 0.0:
        return 0.0, index
    return float(apart[index]) / max(largest(x.value), largest(y.value), x.floor), index


def observe(
    session: Session, gan: Gan, inputs: Callable[[int], StepInputs], precision: Precision, *, steps: int
) -> Iterator[Seen]:
    """Everything that a session can be asked: before the first step, and after each of `steps`."""
    yield from _layers(session, gan, inputs(0), precision)
    yield from _gradients(session, gan, inputs(0), precision)
    tolerances = TOLERANCES[precision]
    for number in range(steps):
        fed = inputs(number)
        scalars = session.step(fed)
        word = "one step" if number == 0 else f"{number + 1} steps"
        yield from _after(session.state(), gan, number + 1, word, precision)
        names = ["d_loss", "d_loss_real", "d_loss_fake", "d_real", "d_fake", "g_loss"]
        penalised = any(update.penalty_weight is not None for update in fed.discriminator)
        names += ["d_penalty"] * penalised + list(further_scalars(gan.protocol))
        for name in names:
            value = np.array(float(scalars[name])) if name in scalars else _ABSENT
            yield Seen(f"losses of {word}", name, number + 1, value, 1.0, tolerances.gradients)
        yield from _images(session, gan, inputs(0), precision, number + 1, f"images after {word}")


def further_scalars(protocol: Protocol) -> Iterator[str]:
    """Names of the scalars that come of an adaptive probability, of consistency and of LeCam."""
    consistency = protocol.consistency
    if protocol.augment is not None and protocol.augment.adaptive:
        yield "augment_probability"
    if consistency is not None:
        yield from (f"d_consistency_{name}" for name in ("real", "fake") if getattr(consistency, name))
    if protocol.lecam is not None:
        yield "d_lecam"


def observe_state(state: State, gan: Gan, step: int, tolerance: float) -> Iterator[Seen]:
    """The arrays of a state."""
    for name in gan.shapes:
        yield Seen("state", name, step, state.get(name, _ABSENT), 1.0, tolerance)


def node_names(nodes: tuple[Node, ...]) -> Iterator[str]:
    """Names of all nodes in the order in which they are done: a residual block after its inner nodes."""
    for node in nodes:
        yield from node_names(node.body)
        yield node.name


def _layers(session: Session, gan: Gan, fed: StepInputs, precision: Precision) -> Iterator[Seen]:
    real, made = fed.discriminator[0], fed.generator[0]
    low, high = gan.pixel_range
    pictures = (low + (high - low) * (real.images / 255.0)).astype(precision)
    entering: dict[NetworkName, tuple[Array, Labels | None]] = {
        "generator": (made.latents, made.labels),
        "discriminator": (pictures, real.labels),
    }
    for network, (x, labels) in entering.items():
        for word, key in (("in training", made.key), ("by running values", None)):
            outputs = session.trace(network, x, labels, key=key)
            for name in node_names(gan.nodes(network)):
                value = outputs.get(name, _ABSENT)
                place = f"{network}/{name}"
                yield Seen(f"{network} layers {word}", place, 0, value, 1.0, TOLERANCES[precision].outputs, False, True)
    yield from _images(session, gan, fed, precision, 0, "images")


def _images(session: Session, gan: Gan, fed: StepInputs, precision: Precision, step: int, row: str) -> Iterator[Seen]:
    made = fed.generator[0]
    # The state they are made from is already a step's rounding apart.
    tolerance = TOLERANCES[precision].outputs if step == 0 else TOLERANCES[precision].lock_step
    for name, averaged in (("generate", False), ("generate averaged", True)):
        if gan.protocol.average or not averaged:
            value = session.generate(made.latents, made.labels, averaged=averaged)
            yield Seen(row, name, step, value, 1.0, tolerance, step > 0)


def _gradients(session: Session, gan: Gan, fed: StepInputs, precision: Precision) -> Iterator[Seen]:
    found = session.gradients(fed)
    for network in reversed(NETWORKS):
        trained = [each for each in gan.parameters(network) if each.trained]
        values = {each.name: found.get(f"{network}/{each.name}", _ABSENT) for each in trained}
        floor = _SHARE * max(map(largest, values.values()), default=0.0)
        for each in trained:
            # What is zero by definition must be zero, not small.
            least = NOTHING if each.zero_gradient else max(floor, NOTHING)
            name, value = f"{network}/{each.name}", values[each.name]
            yield Seen(f"gradients of the {network}", name, 0, value, least, TOLERANCES[precision].gradients)


def _after(state: State, gan: Gan, step: int, word: str, precision: Precision) -> Iterator[Seen]:
    tolerances = TOLERANCES[precision]
    running = {f"{network}/{each.name}" for network in NETWORKS for each in gan.parameters(network) if not each.trained}
    running.update(gan.kept)
    limits = {"running values": tolerances.running}
    rows: dict[str, list[Seen]] = {"weights": [], "running values": [], "moments": [], "averaged weights": []}
    # The discriminator is updated first, so that what is wrong with it shows in the generator too.
    for name in sorted(gan.shapes, key=lambda name: "discriminator/" not in name):
        value = state.get(name, _ABSENT)
        top, *rest = name.split("/")
        if top == "optimizer":
            kin = "/".join(["optimizer", *rest[:2]]) + "/"
            floor = _SHARE * max(largest(state[each]) for each in state if each.startswith(kin))
            seen = Seen(f"moments after {word}", name, step, value, max(floor, NOTHING), tolerances.moments)
            rows["moments"].append(seen)
            continue
        kind = "averaged weights" if top == "averaged" else "running values" if name in running else "weights"
        allowed = limits.get(kind, tolerances.one_step) if step == 1 else tolerances.lock_step
        rows[kind].append(Seen(f"{kind} after {word}", name, step, value, 1.0, allowed))
    for each in rows.values():
        yield from each


def largest(x: Array) -> float:
    """The largest absolute value; 0 of an empty array."""
    return float(np.abs(x).max(initial=0.0))
