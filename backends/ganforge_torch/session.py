"""A session in torch: the tensors of one GAN, and the seven things that can be asked of them."""

import numpy as np
import torch
from torch import nn

from ganforge.backend import Labels, Precision, Scalars, Session, StepInputs
from ganforge.gan import Gan, NetworkName
from ganforge.parameters import Array, State
from ganforge_torch import arrays, devices, native, step
from ganforge_torch.arrays import Place, one_hot, put, to_neutral, to_torch
from ganforge_torch.layers import forward

_CHUNK = 16
"""Pictures that `generate` makes at a time, never more nor fewer.

The kernels that a convolution or product runs through, and so its rounding, depend on the size of the batch. In
batches of one size a latent makes the same picture, to the last bit, whatever stands beside it.
"""


class TorchSession:
    """See `ganforge.backend.Session`.

    The same calls on the same machine give the same bits, provided torch runs with the same number of threads.
    """

    def __init__(self, gan: Gan, state: State, place: Place) -> None:
        gan.check_state(state)
        self._gan = gan
        self._place = place
        self._tensors = arrays.tensors({name: state[name] for name in gan.shapes}, place)
        self._model = step.Model.of(gan, self._tensors, place)

    def step(self, inputs: StepInputs) -> Scalars:
        """All updates of the discriminator, all of the generator, then the average."""
        with torch.no_grad(), devices.repeatable(self._place.device):
            return step.step(self._model, inputs)

    def gradients(self, inputs: StepInputs) -> State:
        """Gradients of the first update of each network, before clipping."""
        with torch.no_grad(), devices.repeatable(self._place.device):
            found = step.gradients(self._model, inputs)
        return arrays.neutral({f"{name}/{key}": each for name, below in found.items() for key, each in below.items()})

    def generate(self, latents: Array, labels: Labels | None, *, averaged: bool = False) -> Array:
        """Pictures by running statistics."""
        weights, size = self._weights("generator", averaged), -(-len(latents) // _CHUNK) * _CHUNK
        made = torch.empty((size, *self._gan.image_shape), dtype=self._place.dtype)
        with torch.no_grad(), devices.repeatable(self._place.device):
            z = put(np.resize(latents, (size, latents.shape[1])), self._place)
            filled = None if labels is None else np.resize(labels, size)
            hot = one_hot(filled, self._gan.classes, self._place)
            for start in range(0, size, _CHUNK):
                rows = slice(start, start + _CHUNK)
                pictures = forward(self._gan.generator, weights, z[rows], None if hot is None else hot[rows])
                made[rows] = to_neutral(pictures)
        return made[: len(latents)].numpy()

    def trace(self, network: NetworkName, inputs: Array, labels: Labels | None, *, key: int | None = None) -> State:
        """The output of every node."""
        outputs: dict[str, torch.Tensor] = {}
        hot = one_hot(labels, self._gan.classes, self._place)
        with torch.no_grad(), devices.repeatable(self._place.device):
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
        """A `torch.nn.Module` of torch's own layers, in evaluation mode."""
        return native.module(self._gan.nodes(network), self._weights(network, averaged), network)

    def _weights(self, network: NetworkName, averaged: bool = False) -> dict[str, torch.Tensor]:
        weights = arrays.network(self._tensors, network)
        return weights | arrays.network(self._tensors, "averaged") if averaged and network == "generator" else weights


def open_session(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    """A session that holds `state`.

    Raises:
        PluginError: there is no such device.
        StateError: `state` is not that of `gan`.
    """
    return TorchSession(gan, state, Place(devices.find(device, precision), getattr(torch, precision)))
