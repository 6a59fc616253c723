"""The places where frameworks differ without a word, each as one replaceable piece of the reference.

`Semantics()` is what docs/semantics.md says. A trap (`ganforge.testing.traps`) is a `Semantics` with one piece
exchanged, so that what a wrong backend computes can be computed too, and recognised.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy

from ganforge.backend.contract import FAKE_PASS, GENERATOR_PASS, REAL_PASS, StepInputs
from ganforge.spec.arrays import Array, Images, State
from ganforge.spec.gan import NetworkName
from ganforge.spec.layers import Dropout
from ganforge.spec.layers.contract import Layer, Node, Parameter
from ganforge.spec.optimizers import Optimizer, Scale
from ganforge.spec.protocol import Protocol
from ganforge.testing import augmentations, optimizers, regularizers
from ganforge.testing.definitions import dropout_mask, pass_key, softplus, spectral
from ganforge.testing.differentiable import Tensor, np
from ganforge.testing.ops import NumpyOps
from ganforge.testing.second_forms import SECOND_FORMS, Form

Passes: TypeAlias = frozenset[tuple[NetworkName, int]]
"""Forward passes: (the network that is updated, number of the pass)."""


def same(value: Any) -> Any:
    """The value itself."""
    return value


def pixels(images: Images, low: float, dtype: Any) -> Array:
    """uint8 as the numbers that the generator can make: [-1, 1], or [0, 1] where `low` is 0."""
    x = images.astype(dtype)
    return x / 255.0 if low == 0.0 else x / 127.5 - 1.0


def kernel(layer: Layer, values: Tensor) -> Tensor:
    """A kernel in its neutral layout."""
    return values


def join(x: Tensor, labels: Tensor) -> Tensor:
    """One-hot labels at the end of the last axis."""
    return np.concatenate([x, labels], axis=-1)


def variance(x: Tensor, mean: Tensor) -> Tensor:
    """Per channel: mean squared distance from the mean, in two passes."""
    return np.mean((x - mean) ** 2, axis=tuple(range(x.ndim - 1)))


def bessel(count: int) -> float:
    """From the biased variance to the unbiased one."""
    return count / (count - 1)


def dropout_factors(layer: Dropout) -> tuple[float, float]:
    """What an element is multiplied by: one that is kept in training, and any by running values."""
    return (1.0, 1.0 - layer.rate) if layer.scale_at == "inference" else (1.0 / (1.0 - layer.rate), 1.0)


def gradient(parameter: Parameter, values: Array) -> Array:
    """What an optimizer is given: zero where a batch norm cancels the array."""
    return numpy.zeros_like(values) if parameter.zero_gradient else values


def average(averaged: Array, weights: Array, fraction: float) -> Array:
    """The exponential moving average after a step."""
    return fraction * averaged + (1.0 - fraction) * weights


def clip_norm(gradients: State, limit: float) -> State:
    """The gradients of a network, no longer than `limit` as one vector."""
    norm = float(numpy.sqrt(sum(float((each.astype(float) ** 2).sum()) for each in gradients.values())))
    return {name: each * min(1.0, limit / norm) if norm else each for name, each in gradients.items()}


def penalty_weight(protocol: Protocol, given: float) -> float:
    """What the penalty is multiplied by."""
    return given


def accumulated(shares: Sequence[State]) -> State:
    """The gradients of an update from those of its shares."""
    return {name: numpy.stack([each[name] for each in shares]).mean(axis=0) for name in shares[0]}


@dataclass(frozen=True, kw_only=True)
class Semantics:
    """What the reference computes, in pieces."""

    inputs: Callable[[StepInputs, int], StepInputs] = lambda inputs, batch_size: inputs
    """A step's inputs before anything is computed from them."""
    node: Callable[[Node], Node] = same
    """Every node before it is computed: its paddings and its layer's numbers."""
    forms: Mapping[type[Layer], Form] = field(default_factory=lambda: SECOND_FORMS)
    """Layers by kind, where they are not put together of the pieces below."""
    protocol: Callable[[Protocol], Protocol] = same
    pixels: Callable[[Images, float, Any], Array] = pixels
    product: Callable[[Tensor, Tensor], Tensor] = np.dot
    """(..., in) times (in, out)."""
    kernel: Callable[[Layer, Tensor], Tensor] = kernel
    channels_first: bool = False
    """Whether a vector holds an image channel by channel, not pixel by pixel."""
    join: Callable[[Tensor, Tensor], Tensor] = join
    variance: Callable[[Tensor, Tensor], Tensor] = variance
    bessel: Callable[[int], float] = bessel
    dropout_mask: Callable[[int, int, tuple[int, ...], float], Any] = dropout_mask
    dropout_factors: Callable[[Dropout], tuple[float, float]] = dropout_factors
    pass_key: Callable[[int, int], int] = pass_key
    changes: Mapping[str, tuple[str, float, augmentations.Change]] = field(
        default_factory=lambda: augmentations.CHANGES
    )
    """What augmentation does, in order."""
    penalty_augmented: bool = True
    """Whether a penalty looks at the discriminator with the augmentation in front of it."""
    adapted: Callable[..., tuple[Any, Any, Any]] = augmentations.adapted
    inconsistency: Callable[[Tensor, Tensor], Tensor] = regularizers.inconsistency
    lecam_term: Callable[..., Tensor] = regularizers.lecam_term
    moved_anchors: Callable[..., tuple[Any, Any]] = regularizers.moved_anchors
    logits: Callable[[Tensor], Tensor] = same
    """The logits as the loss sees them."""
    softplus: Callable[[Tensor], Tensor] = softplus
    spectral: Callable[[Tensor, Tensor, bool], tuple[Tensor, Tensor, Tensor]] = spectral
    """(kernel, u, whether it is a transposed one): the kernel over sigma, the new u, sigma."""
    moved_by_looking: bool = False
    """Whether a pass in which nothing is trained moves what layers keep."""
    gradient: Callable[[Parameter, Array], Array] = gradient
    accumulated: Callable[[Sequence[State]], State] = accumulated
    clip_norm: Callable[[State, float], State] = clip_norm
    penalty_weight: Callable[[Protocol, float], float] = penalty_weight
    update: Callable[[Optimizer, Array, Array, State, Scale], tuple[Array, State]] = optimizers.update
    average: Callable[[Array, Array, float], Array] = average
    average_running: bool = False
    """Whether the averaged weights bring averaged running values with them."""
    moving: Passes = frozenset(
        {("discriminator", REAL_PASS), ("discriminator", FAKE_PASS), ("generator", GENERATOR_PASS)}
    )
    """Passes that move running values, where not every one does."""
    by_running: Passes = frozenset()
    """Passes of an update that normalise by running values and drop nothing."""
    alternating: bool = True
    """Whether the generator meets the discriminator after its update, not before."""

    @property
    def ops(self) -> NumpyOps:
        """The core's operations with these pieces."""
        return NumpyOps(
            product=self.product, softplus_of=self.softplus, mask_of=self.dropout_mask, key_of=self.pass_key
        )
