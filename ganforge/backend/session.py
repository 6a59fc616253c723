"""A GAN held and trained by a framework: what `ganforge.backend.Session` promises, written once over a `Runtime`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ganforge.backend.contract import SCALARS, Scalars, StepInputs
from ganforge.backend.feed import feed
from ganforge.backend.forward import forward
from ganforge.backend.model import Model
from ganforge.backend.runtime import Runtime, Tensors
from ganforge.backend.step import gradients, step
from ganforge.errors import PluginError, StateError
from ganforge.spec.arrays import Array, Labels, State
from ganforge.spec.gan import Gan, NetworkName
from ganforge.spec.ops import Tensor

_BATCH = 64
"""Images that are drawn at a time."""


def no_native_arrays(network: NetworkName, module: Any) -> State:
    """What a backend does that cannot read its modules' arrays back.

    Raises:
        PluginError: always.
    """
    raise PluginError("this backend cannot read the weights of its modules back; GanSession takes native_arrays for it")


class GanSession:
    """See `ganforge.backend.Session`.

    The same calls on the same machine give the same bits, provided the framework runs with as many threads.
    """

    def __init__(
        self,
        gan: Gan,
        state: State,
        runtime: Runtime,
        native: Callable[[NetworkName, Tensors], Any],
        native_arrays: Callable[[NetworkName, Any], State] = no_native_arrays,
    ) -> None:
        """A session that holds `state`.

        native: builds the framework's own module from a network's arrays.
        native_arrays: reads the arrays of such a module, by name, in the neutral layouts.
        """
        gan.check_state(state)
        self._gan, self._runtime, self._native = gan, runtime, native
        self._native_arrays = native_arrays
        with runtime.context():
            self._arrays = runtime.arrays({name: state[name] for name in gan.shapes})
        self._model = model = Model(gan=gan, runtime=runtime)
        self._step = runtime.compile(partial(step, model), self._arrays, changing=True, together=True)
        self._gradients = runtime.compile(partial(gradients, model), self._arrays, together=True)
        self._draw = {
            averaged: runtime.compile(partial(_draw, model, averaged), self._arrays) for averaged in (False, True)
        }

    def step(self, inputs: StepInputs) -> Scalars:
        """All updates of the discriminator, all of the generator, then the average."""
        with self._runtime.context(), self._runtime.replicas.heard():
            found: Scalars = self._step(feed(inputs, self._gan, self._runtime))
            return {name: found[name] for name in sorted(found, key=SCALARS.index)}  # JAX sorts by name

    def gradients(self, inputs: StepInputs) -> State:
        """Gradients of the first update of each network, before clipping."""
        with self._runtime.context():
            found = self._gradients(feed(inputs, self._gan, self._runtime))
            return {name: self._runtime.to_numpy(each) for name, each in found.items()}

    def generate(self, latents: Array, labels: Labels | None, *, averaged: bool = False, exact: bool = False) -> Array:
        """Images by running statistics, a batch at a time."""
        size = self._runtime.exact_batch if exact else _BATCH
        parts = [
            self._images(latents[at : at + size], None if labels is None else labels[at : at + size], averaged, exact)
            for at in range(0, len(latents), size)
        ]
        return np.concatenate(parts) if parts else np.empty((0, *self._gan.image_shape), np.float32)

    def trace(self, network: NetworkName, inputs: Array, labels: Labels | None, *, key: int | None = None) -> State:
        """The output of every node."""
        runtime = self._runtime
        with runtime.context():
            x = runtime.real(inputs)
            _, run = forward(
                runtime,
                self._gan.nodes(network),
                self._weights(network),
                x,
                self._one_hot(labels, x),
                key=None if key is None else runtime.ops.unstack(runtime.keys([key]))[0],
                traced=True,
            )
            assert run.outputs is not None
            return {name: runtime.to_numpy(each) for name, each in run.outputs.items()}

    def state(self) -> State:
        """A copy of every array."""
        return {name: self._runtime.to_numpy(each) for name, each in self._arrays.items()}

    def load_state(self, state: State) -> None:
        """Take over `state`."""
        self._gan.check_state(state)
        with self._runtime.context():
            self._runtime.load(self._arrays, {name: state[name] for name in self._gan.shapes})

    def native(self, network: NetworkName, *, averaged: bool = False) -> Any:
        """The framework's own module with these weights."""
        return self._native(network, self._weights(network, averaged))

    def native_arrays(self, network: NetworkName, module: Any) -> State:
        """The arrays of a module that `native` made."""
        found = self._native_arrays(network, module)
        for each in self._gan.parameters(network):
            if each.name not in found:
                raise StateError(f"the module has no array {each.name} of the {network}; give what its native() made")
            if found[each.name].shape != each.shape:
                raise StateError(
                    f"array {each.name} of the module has shape {found[each.name].shape}, the {network}'s {each.shape}"
                )
        return {each.name: found[each.name] for each in self._gan.parameters(network)}

    def _images(self, latents: Array, labels: Labels | None, averaged: bool, exact: bool) -> Array:
        runtime, count = self._runtime, len(latents)
        size = count
        if exact or (runtime.fixed_shapes and count <= runtime.exact_batch):
            size = runtime.exact_batch
        elif runtime.fixed_shapes:  # two sizes in all, so that two are compiled
            size = _BATCH
        rows = np.minimum(np.arange(size), count - 1)  # the last one again, so that the batch has its size
        with runtime.context():
            given = () if labels is None else (runtime.integers(labels[rows]),)
            return runtime.to_numpy(self._draw[averaged](runtime.real(latents[rows]), *given))[:count]

    def _one_hot(self, labels: Labels | None, like: Tensor) -> Tensor | None:
        if labels is None:
            return None
        return self._runtime.ops.one_hot(self._runtime.integers(labels), self._gan.classes, like)

    def _weights(self, network: NetworkName, averaged: bool = False) -> Tensors:
        return _weights(self._model, self._arrays, network, averaged)


def _weights(model: Model, arrays: Tensors, network: NetworkName, averaged: bool) -> Tensors:
    """The averaged weights lie over the generator's own, whose running statistics they share."""
    weights = model.views[network].arrays(arrays)
    return weights | model.views["averaged"].arrays(arrays) if averaged and network == "generator" else weights


def _draw(
    model: Model, averaged: bool, arrays: Tensors, latents: Tensor, labels: Tensor | None = None
) -> tuple[Tensors, Tensor]:
    hot = None if labels is None else model.runtime.ops.one_hot(labels, model.gan.classes, latents)
    weights = _weights(model, arrays, "generator", averaged)
    return {}, forward(model.runtime, model.gan.generator, weights, latents, hot)[0]
