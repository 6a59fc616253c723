"""A session in torch: the tensors of one GAN, and the seven things that can be asked of them."""

import numpy as np
import torch
from torch import nn

from ganforge.backend import Precision, Scalars, StepInputs
from ganforge.spec import Array, Gan, Labels, NetworkName, State
from ganforge_torch import arrays, devices, launch, native, step, workers
from ganforge_torch.arrays import Place, one_hot, put, to_neutral, to_torch
from ganforge_torch.layers import forward
from ganforge_torch.workers import ALONE, Group


def open_session(gan: Gan, state: State, precision: Precision, device: str) -> "TorchSession":
    """A session that holds `state`.

    Raises:
        PluginError: there is no such device.
        StateError: `state` is not that of `gan`.
    """
    gan.check_state(state)
    return TorchSession(gan, state, Place.of(devices.find(device, precision), precision), ALONE)


def open_shared(gan: Gan, state: State, precision: Precision, device: str) -> "TorchSession":
    """The same, of one of the workers that have met; on a machine with GPUs each has its own.

    Raises:
        PluginError: there is no such device, or fewer GPUs than workers.
    """
    gan.check_state(state)
    if device in ("auto", "cuda") and torch.cuda.is_available():
        device = f"cuda:{launch.local_rank()}"
    place = Place.of(devices.find(device, precision), precision)
    return TorchSession(gan, state, place, workers.group(gan))


class TorchSession:
    """See `ganforge.backend.Session`.

    The same calls on the same machine give the same bits, provided torch runs with the same number of threads.
    """

    def __init__(self, gan: Gan, state: State, place: Place, group: Group) -> None:
        devices.keep_freed_memory()
        self._gan, self._place = gan, place
        self._threads = devices.threads(gan)
        self._tensors = arrays.tensors({name: state[name] for name in gan.shapes}, place)
        self._model = step.Model.of(gan, self._tensors, place, group)

    def step(self, inputs: StepInputs) -> Scalars:
        """All updates of the discriminator, all of the generator, then the average."""
        with torch.no_grad(), devices.repeatable(self._place.device, self._threads):
            return step.step(self._model, inputs)

    def gradients(self, inputs: StepInputs) -> State:
        """Gradients of the first update of each network, before clipping."""
        with torch.no_grad(), devices.repeatable(self._place.device, self._threads):
            found = step.gradients(self._model, inputs)
        return arrays.neutral(found)

    def generate(self, latents: Array, labels: Labels | None, *, averaged: bool = False) -> Array:
        """Pictures by running statistics.

        One by one: products and convolutions are rounded by a picture's place in the batch, too, so that only alone is
        it the same, to the last bit, in any company.
        """
        weights = self._weights("generator", averaged)
        shape = (len(latents), *self._gan.image_shape)
        pictures = torch.empty(shape, dtype=self._place.dtype, device=self._place.device)
        with torch.no_grad(), devices.repeatable(self._place.device, self._threads):
            for at in range(len(latents)):
                hot = one_hot(None if labels is None else labels[at : at + 1], self._gan.classes, self._place)
                made = forward(self._gan.generator, weights, put(latents[at : at + 1], self._place), hot)
                pictures[at : at + 1] = to_neutral(made)
        return pictures.numpy(force=True)

    def trace(self, network: NetworkName, inputs: Array, labels: Labels | None, *, key: int | None = None) -> State:
        """The output of every node."""
        outputs: dict[str, torch.Tensor] = {}
        hot = one_hot(labels, self._gan.classes, self._place)
        with torch.no_grad(), devices.repeatable(self._place.device, self._threads):
            x = to_torch(put(inputs, self._place))
            forward(self._gan.nodes(network), self._weights(network), x, hot, key=key, outputs=outputs)
        return {name: np.array(to_neutral(each).numpy(force=True), order="C") for name, each in outputs.items()}

    def state(self) -> State:
        """A copy of every array."""
        return arrays.neutral(self._tensors)

    def load_state(self, state: State) -> None:
        """Take over `state`."""
        self._gan.check_state(state)
        loaded = arrays.tensors({name: state[name] for name in self._gan.shapes}, self._place)
        for name, tensor in self._tensors.items():
            tensor.copy_(loaded[name])

    def native(self, network: NetworkName, *, averaged: bool = False) -> nn.Module:
        """A `torch.nn.Module` of torch's own layers, on the session's device, in evaluation mode."""
        return native.build(self._gan.nodes(network), self._weights(network, averaged), network)

    def _weights(self, network: NetworkName, averaged: bool = False) -> dict[str, torch.Tensor]:
        weights = arrays.network(self._tensors, network)
        return weights | arrays.network(self._tensors, "averaged") if averaged and network == "generator" else weights
