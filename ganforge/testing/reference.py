"""A whole session in plain NumPy: slow, obvious, and the judge of all others.

Layers, losses and optimizers are written out as docs/semantics.md says them; derivatives are autograd's. It answers
the question that a comparison of two frameworks leaves open: which of them is wrong.
"""

from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from ganforge.backend.contract import Precision, Scalars, StepInputs
from ganforge.errors import PluginError
from ganforge.spec.arrays import Array, Labels, State
from ganforge.spec.gan import Gan, NetworkName
from ganforge.spec.layers import BatchNorm, ConditionalBatchNorm
from ganforge.spec.layers.chain import walk
from ganforge.spec.optimizers import Scale
from ganforge.testing.layers import Pass, Statistics, forward
from ganforge.testing.semantics import Semantics
from ganforge.testing.updates import Outcome, Updates


class ReferenceSession:
    """See `ganforge.backend.contract.Session`."""

    def __init__(self, gan: Gan, state: State, precision: Precision, semantics: Semantics) -> None:
        self._gan = gan
        self._semantics = semantics
        self._updates = Updates(gan=gan, semantics=semantics, dtype=np.dtype(precision))
        self.load_state(state)

    def step(self, inputs: StepInputs) -> Scalars:
        """All updates of the discriminator, all of the generator, then the average."""
        inputs = self._semantics.inputs(inputs, self._gan.protocol.batch_size)
        judge = dict(self._state)
        scalars: dict[str, Any] = {}
        for fed in inputs.discriminator:
            outcome, gradients = self._shares("discriminator", self._state, fed)
            self._apply("discriminator", gradients, fed.scale, outcome)
            scalars |= outcome.scalars
        for made in inputs.generator:
            seen = self._state if self._semantics.alternating else self._state | _only(judge, "discriminator/")
            outcome, gradients = self._shares("generator", seen, made)
            self._apply("generator", gradients, made.scale, outcome)
            scalars |= outcome.scalars
        self._average(inputs.average)
        return scalars

    def gradients(self, inputs: StepInputs) -> State:
        """Gradients of the first update of each network, before clipping."""
        inputs = self._semantics.inputs(inputs, self._gan.protocol.batch_size)
        _, generator = self._shares("generator", self._state, inputs.generator[0])
        _, discriminator = self._shares("discriminator", self._state, inputs.discriminator[0])
        return {f"generator/{name}": each for name, each in generator.items()} | {
            f"discriminator/{name}": each for name, each in discriminator.items()
        }

    def generate(self, latents: Array, labels: Labels | None, *, averaged: bool = False, exact: bool = False) -> Array:
        """Images by running statistics, one by one, so that none can depend on another: always exact."""
        arrays = self._updates.arrays(self._state, "generator")
        if averaged:
            arrays |= self._updates.arrays(self._state, "averaged")
            arrays |= self._running if self._semantics.average_running else {}
        images = [
            forward(
                self._gan.generator,
                self._updates.cast(latents[i : i + 1]),
                Pass(
                    arrays=arrays,
                    labels=None if labels is None else labels[i : i + 1],
                    key=None,
                    semantics=self._semantics,
                ),
            )
            for i in range(len(latents))
        ]
        return np.concatenate([np.zeros((0, *self._gan.image_shape), self._updates.dtype), *images])

    def trace(self, network: NetworkName, inputs: Array, labels: Labels | None, *, key: int | None = None) -> State:
        """The output of every node."""
        arrays = self._updates.arrays(self._state, network)
        looking = self._semantics.moved_by_looking
        run = Pass(arrays=arrays, labels=labels, key=key, semantics=self._semantics, moving=looking)
        forward(self._gan.nodes(network), self._updates.cast(inputs), run)
        self._state |= {f"{network}/{name}": each for name, each in run.moved.items()}
        return run.outputs

    def state(self) -> State:
        """A copy of every array."""
        return {name: each.copy() for name, each in self._state.items()}

    def load_state(self, state: State) -> None:
        """Take over `state`."""
        self._gan.check_state(state)
        self._state = {name: np.array(state[name], self._updates.dtype) for name in self._gan.shapes}
        running = (each.name for each in self._gan.parameters("generator") if not each.trained)
        self._running = {name: self._state[f"generator/{name}"] for name in running}

    def native(self, network: NetworkName, *, averaged: bool = False) -> Any:
        """There is none: NumPy has no modules."""
        raise PluginError("the NumPy reference has no module to take away; ask a framework's backend for one")

    def native_arrays(self, network: NetworkName, module: Any) -> State:
        """There are none: NumPy has no modules."""
        raise PluginError("the NumPy reference has no modules to read weights from")

    def _trained(self, network: NetworkName) -> State:
        return {
            each.name: self._state[f"{network}/{each.name}"] for each in self._gan.parameters(network) if each.trained
        }

    def _shares(self, network: NetworkName, state: State, fed: Any) -> tuple[Outcome, State]:
        """An update's outcome and gradients, computed share by share of its batch."""
        count, outcomes, gradients = self._semantics.protocol(self._gan.protocol).accumulate, [], []
        for number in range(count):
            updates, rows = replace(self._updates, share=(number, count)), _share(fed, number, count)
            update: Any = updates.discriminator if network == "discriminator" else updates.generator
            outcomes.append(update(state, self._trained(network), rows))
            gradients.append(updates.gradients(network, state, rows))
            state = state | outcomes[-1].moved
        scalars = {name: sum(each.scalars[name] for each in outcomes) / count for name in outcomes[0].scalars}
        return Outcome(
            loss=sum(each.loss for each in outcomes) / count,
            scalars=scalars,
            statistics=tuple(seen for each in outcomes for seen in each.statistics),
            moved=reduce(or_, (each.moved for each in outcomes)),
        ), self._semantics.accumulated(gradients)

    def _apply(self, network: NetworkName, gradients: State, scale: Scale, outcome: Outcome) -> None:
        player = self._semantics.protocol(self._gan.protocol).player(network)
        optimizer = player.optimizer
        if player.clip_norm is not None:
            gradients = self._semantics.clip_norm(gradients, player.clip_norm)
        for name, gradient in gradients.items():
            place, prefix = f"{network}/{name}", f"optimizer/{network}/"
            slots = {
                full.removeprefix(prefix).partition("/")[0]: each
                for full, each in self._state.items()
                if full.startswith(prefix) and full.removeprefix(prefix).partition("/")[2] == name
            }
            self._state[place], slots = self._semantics.update(optimizer, self._state[place], gradient, slots, scale)
            self._state |= {f"{prefix}{slot}/{name}": each for slot, each in slots.items()}
        self._state |= outcome.moved
        for moved, statistics in outcome.statistics:
            for node in walk(self._gan.nodes(moved)):
                if node.name in statistics:
                    self._move(f"{moved}/{node.name}", self._semantics.node(node).layer, statistics[node.name])

    def _move(self, place: str, layer: Any, seen: Statistics) -> None:
        assert isinstance(layer, BatchNorm | ConditionalBatchNorm)
        unbiased = seen.variance * self._semantics.bessel(seen.values)
        for name, value in ((f"{place}/mean", seen.mean), (f"{place}/variance", unbiased)):
            self._state[name] = layer.decay * self._state[name] + (1.0 - layer.decay) * value

    def _average(self, fraction: float) -> None:
        for name in _only(self._state, "averaged/"):
            weights = self._state[f"generator/{name.removeprefix('averaged/')}"]
            self._state[name] = self._semantics.average(self._state[name], weights, fraction)
        for name, each in self._running.items():
            self._running[name] = self._semantics.average(each, self._state[f"generator/{name}"], fraction)


def _share(fed: Any, number: int, count: int) -> Any:
    """A share of an update's inputs, in consecutive rows."""
    size = len(fed.latents) // count
    arrays = {name: each for name, each in vars(fed).items() if isinstance(each, np.ndarray)}
    return replace(fed, **{name: each[number * size : (number + 1) * size] for name, each in arrays.items()})


def _only(state: State, prefix: str) -> State:
    return {name: each for name, each in state.items() if name.startswith(prefix)}


def open_reference(
    gan: Gan,
    state: State,
    precision: Precision = "float64",
    device: str = "auto",
    *,
    semantics: Semantics | None = None,
) -> ReferenceSession:
    """A session of the reference; `semantics` to compute something wrong on purpose (`ganforge.testing.traps`).

    Raises:
        PluginError: any device but the CPU.
        StateError: `state` is not that of `gan`.
    """
    if device not in ("auto", "cpu"):
        raise PluginError(f"the NumPy reference has no device {device!r}; it runs on 'cpu'")
    return ReferenceSession(gan, state, precision, Semantics() if semantics is None else semantics)
