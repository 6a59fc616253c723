"""Between the neutral arrays of a state and TensorFlow's.

The neutral layouts are TensorFlow's own (pictures NHWC, kernels HWIO, transposed kernels HWOI, dense kernels
(in, out)), so nothing is ever transposed.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganforge.backend import DiscriminatorInputs, GeneratorInputs, Precision, StepInputs
from ganforge.spec import Array, Labels, State


class Kind(NamedTuple):
    """The numbers that a session computes with."""

    dtype: tf.DType
    """Of a state's arrays, of losses, and of whatever is computed outside of a step."""
    fed: tf.DType
    """Of what a step's networks are given, and so of the products and convolutions in them."""

    @classmethod
    def of(cls, precision: Precision) -> "Kind":
        """What a session of this precision computes with."""
        fed = tf.as_dtype(precision)
        return cls(tf.float32 if fed == tf.bfloat16 else fed, fed)


def variables(state: State, dtype: tf.DType) -> dict[str, tf.Variable]:
    """A variable for every array of a state, by its name there."""
    return {name: tf.Variable(array, dtype=dtype, trainable=False, name=name) for name, array in state.items()}


def neutral(variables: Mapping[str, tf.Variable]) -> State:
    """A copy of every variable; the inverse of `variables`, bit for bit."""
    return {name: np.array(variable.numpy()) for name, variable in variables.items()}


def network(variables: Mapping[str, tf.Variable], prefix: str) -> dict[str, tf.Tensor]:
    """The present values of the arrays below `prefix/`, by the rest of their names."""
    below = f"{prefix}/"
    return {
        name.removeprefix(below): variable.read_value()
        for name, variable in variables.items()
        if name.startswith(below)
    }


class DiscriminatorFeed(NamedTuple):
    """`DiscriminatorInputs` as tensors; the pictures are still uint8, and latents in the precision of products."""

    images: tf.Tensor
    labels: tf.Tensor | None
    latents: tf.Tensor
    real_targets: tf.Tensor
    fake_targets: tf.Tensor
    interpolation: tf.Tensor | None
    """None without a penalty."""


class GeneratorFeed(NamedTuple):
    """`GeneratorInputs` as tensors; no pictures for a loss that does not look at them."""

    images: tf.Tensor | None
    labels: tf.Tensor | None
    latents: tf.Tensor
    targets: tf.Tensor


class StepFeed(NamedTuple):
    """`StepInputs` as tensors; single numbers travel together, since each tensor costs a trip to the device."""

    discriminator: tuple[DiscriminatorFeed, ...]
    generator: tuple[GeneratorFeed, ...]
    keys: tf.Tensor
    """uint32, of the discriminator's updates, then of the generator's."""
    scales: tf.Tensor
    """float64, (rate, root) a row, in the same order."""
    average: tf.Tensor
    """float64."""


def feed(inputs: StepInputs, kind: Kind, *, generator_sees_real: bool) -> StepFeed:
    """What the traced step takes: tensors alone, so that no number of a later step asks for another trace."""
    updates: list[DiscriminatorInputs | GeneratorInputs] = [*inputs.discriminator, *inputs.generator]
    return StepFeed(
        discriminator=tuple(_discriminator_feed(update, kind) for update in inputs.discriminator),
        generator=tuple(_generator_feed(update, kind, generator_sees_real) for update in inputs.generator),
        keys=tf.constant(np.array([update.key for update in updates], np.uint32)),
        scales=tf.constant(np.array([update.scale for update in updates], np.float64)),
        average=tf.constant(inputs.average, tf.float64),
    )


def _discriminator_feed(update: DiscriminatorInputs, kind: Kind) -> DiscriminatorFeed:
    return DiscriminatorFeed(
        images=tf.constant(update.images),
        labels=labels(update.labels),
        latents=real(update.latents, kind.fed),
        real_targets=real(update.real_targets, kind.dtype),
        fake_targets=real(update.fake_targets, kind.dtype),
        interpolation=None if update.interpolation is None else real(update.interpolation, kind.dtype),
    )


def _generator_feed(update: GeneratorInputs, kind: Kind, sees_real: bool) -> GeneratorFeed:
    return GeneratorFeed(
        images=tf.constant(update.images) if sees_real else None,
        labels=labels(update.labels),
        latents=real(update.latents, kind.fed),
        targets=real(update.targets, kind.dtype),
    )


def real(array: Array, dtype: tf.DType) -> tf.Tensor:
    """An array in this precision."""
    return tf.constant(np.asarray(array, dtype.as_numpy_dtype))


def labels(array: Labels | None) -> tf.Tensor | None:
    """Labels, where there are any."""
    return None if array is None else tf.constant(array, tf.int64)
