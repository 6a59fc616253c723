"""Between the neutral arrays of a state, and of what a step is fed, and torch's.

Kernels are (height, width, in, out) or (height, width, out, in) there and (out, in, height, width) or (in, out, height,
width) in torch: the same permutation for both. Pictures are (batch, height, width, channels) there and (batch,
channels, height, width) here, but lie in memory as they did (torch's `channels_last`): they are permuted without a
copy, and convolutions on a CPU are faster so.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ganforge.backend import DiscriminatorInputs, GeneratorInputs, Precision
from ganforge.spec import Gan, Images, Labels, State


class Place(NamedTuple):
    """Where a session's arrays lie, and in which precision."""

    device: torch.device
    dtype: torch.dtype
    """Of a state's arrays, of losses, and of whatever is computed outside of a step."""
    fed: torch.dtype
    """Of what a step's networks are given, and so of the products and convolutions in them."""

    @classmethod
    def of(cls, device: torch.device, precision: Precision) -> "Place":
        """Where a session of this precision keeps its arrays."""
        if precision == "bfloat16":
            return cls(device, torch.float32, torch.bfloat16)
        dtype = getattr(torch, precision)
        return cls(device, dtype, dtype)


def tensors(state: State, place: Place) -> dict[str, Tensor]:
    """A tensor of its own for every array of a state, by its name there, in torch's layout."""
    return {name: _parameter(put(array, place)) for name, array in state.items()}


def neutral(tensors: Mapping[str, Tensor]) -> State:
    """A copy of every tensor in its neutral layout; the inverse of `tensors`, bit for bit."""
    return {
        name: np.array(_permuted(each, (2, 3, 1, 0)).numpy(force=True), order="C") for name, each in tensors.items()
    }


def network(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors below `prefix/` themselves, by the rest of their names."""
    below = f"{prefix}/"
    return {name.removeprefix(below): each for name, each in tensors.items() if name.startswith(below)}


def put(array: npt.NDArray[Any], place: Place) -> Tensor:
    """A copy of `array` on the device, in the precision of a state."""
    return _send(torch.tensor(array, dtype=place.dtype), place.device)


def _feed(array: npt.NDArray[Any], place: Place) -> Tensor:
    return put(array, place).to(place.fed)


def _feed_labels(labels: Labels | None, classes: int, place: Place) -> Tensor | None:
    hot = one_hot(labels, classes, place)
    return None if hot is None else hot.to(place.fed)


def to_torch(x: Tensor) -> Tensor:
    """From (batch, height, width, channels) to (batch, channels, height, width); vectors stay."""
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def to_neutral(x: Tensor) -> Tensor:
    """From (batch, channels, height, width) to (batch, height, width, channels); vectors stay."""
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


def one_hot(labels: Labels | None, classes: int, place: Place) -> Tensor | None:
    """(batch,) -> (batch, classes); nothing of nothing."""
    # On the host, where looking whether every label is in range does not wait for the device.
    return None if labels is None else _send(F.one_hot(torch.tensor(labels), classes).to(place.dtype), place.device)


class DiscriminatorFeed(NamedTuple):
    """`DiscriminatorInputs` as tensors; what the networks are given in the precision of their products."""

    images: Tensor
    """(batch, channels, height, width)."""
    labels: Tensor | None
    """(batch, classes): one-hot."""
    latents: Tensor
    real_targets: Tensor
    fake_targets: Tensor
    interpolation: Tensor | None
    """None without a penalty."""
    key: int

    @classmethod
    def of(cls, inputs: DiscriminatorInputs, gan: Gan, place: Place) -> "DiscriminatorFeed":
        """All that the discriminator's update reads."""
        return cls(
            images=_pixels(inputs.images, gan.pixel_range, place),
            labels=_feed_labels(inputs.labels, gan.classes, place),
            latents=_feed(inputs.latents, place),
            real_targets=put(inputs.real_targets, place),
            fake_targets=put(inputs.fake_targets, place),
            interpolation=None if inputs.interpolation is None else put(inputs.interpolation, place),
            key=inputs.key,
        )


class GeneratorFeed(NamedTuple):
    """`GeneratorInputs` as tensors; what the networks are given in the precision of their products."""

    images: Tensor | None
    """(batch, channels, height, width); None where the loss does not compare with them."""
    labels: Tensor | None
    """(batch, classes): one-hot."""
    latents: Tensor
    targets: Tensor
    key: int

    @classmethod
    def of(cls, inputs: GeneratorInputs, gan: Gan, place: Place) -> "GeneratorFeed":
        """All that the generator's update reads."""
        return cls(
            images=_pixels(inputs.images, gan.pixel_range, place) if gan.loss.generator_sees_real else None,
            labels=_feed_labels(inputs.labels, gan.classes, place),
            latents=_feed(inputs.latents, place),
            targets=put(inputs.targets, place),
            key=inputs.key,
        )


def _pixels(images: Images, pixel_range: tuple[float, float], place: Place) -> Tensor:
    values = _send(torch.tensor(images), place.device).to(place.dtype)
    return to_torch(values.div_(255.0) if pixel_range[0] == 0.0 else values.div_(127.5).sub_(1.0)).to(place.fed)


def _parameter(array: Tensor) -> Tensor:
    permuted = _permuted(array, (3, 2, 0, 1))
    if permuted.ndim != 4:  # a dense kernel stays (in, out) in memory, which is faster where its gradient is made
        return permuted
    # Kernels lie as pictures do where oneDNN convolves. torch's own convolution, which does float64, has a fault: it
    # cannot make the gradient of every kernel in that format.
    like_pictures = array.dtype == torch.float32 and torch.backends.mkldnn.is_available()
    # A clone, because `contiguous` leaves a kernel of one channel with strides of which torch's own convolution, which
    # takes small batches of one, makes no gradient in float32 either.
    return permuted.clone(memory_format=torch.channels_last if like_pictures else torch.contiguous_format)


def _permuted(array: Tensor, order: tuple[int, ...]) -> Tensor:
    """A convolution's kernel by `order`, a dense one transposed, anything else as it is."""
    match array.ndim:
        case 4:
            return array.permute(order)
        case 2:
            return array.t()
        case _:
            return array


def _send(host: Tensor, device: torch.device) -> Tensor:
    # From pinned memory the copy to a GPU goes on while Python does.
    return host.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else host.to(device)
