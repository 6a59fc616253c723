"""A GAN held and trained by TensorFlow: the seven promises of `ganforge.backend.Session`."""

from functools import partial

import keras
import numpy as np
import tensorflow as tf

from ganforge.backend import Precision, Scalars, StepInputs
from ganforge.errors import PluginError
from ganforge.spec import Array, Gan, Labels, NetworkName, State
from ganforge_tensorflow import arrays, devices, step, workers
from ganforge_tensorflow.layers import Arrays, forward
from ganforge_tensorflow.native import build
from ganforge_tensorflow.workers import ALONE, Group

CHUNK = 16
"""Pictures are made so many at a time, the last ones together with copies, so that each is the same in any company."""


def open_session(gan: Gan, state: State, precision: Precision, device: str) -> "TensorFlowSession":
    """A session that holds `state`.

    Raises:
        PluginError: TensorFlow sees no such device.
        StateError: the state is not that of this GAN.
    """
    return _opened(gan, state, precision, devices.find(device), ALONE)


def open_shared(gan: Gan, state: State, precision: Precision, device: str) -> "TensorFlowSession":
    """The same, of one of the workers that have met.

    Raises:
        PluginError: TensorFlow sees no such device, or it is not the one that the workers share.
    """
    found, shared = devices.find(device), workers.device()
    if device != "auto" and found != shared:
        raise PluginError(f"this worker computes on {shared}, not {found}; CUDA_VISIBLE_DEVICES decides it")
    return _opened(gan, state, precision, shared, workers.group(gan))


def _opened(gan: Gan, state: State, precision: Precision, device: str, group: Group) -> "TensorFlowSession":
    gan.check_state(state)
    # Grappler's arithmetic optimizer makes one AddN of a + b + c, which adds in an order that changes from run to run
    # (see ops.gradients). It has no switch for one function, so this is set for TensorFlow as a whole.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    return TensorFlowSession(gan, state, arrays.Kind.of(precision), device, group)


class TensorFlowSession:
    """Variables by their names in a state, and the functions traced over them."""

    def __init__(self, gan: Gan, state: State, kind: arrays.Kind, device: str, group: Group) -> None:
        self._gan, self._kind, self._device, self._group = gan, kind, device, group
        with tf.device(device):
            self._variables = arrays.variables({name: state[name] for name in gan.shapes}, kind.dtype)
        model = step.Model(gan, self._variables, kind, group)
        self._step = tf.function(group.together(partial(step.step, model)), autograph=False)
        self._gradients = tf.function(group.together(partial(step.gradients, model)), autograph=False)
        self._pictures = tf.function(partial(_pictures, gan), autograph=False)

    def step(self, inputs: StepInputs) -> Scalars:
        """One step of the protocol."""
        with tf.device(self._device), workers.heard(self._group.rank):
            return self._step(self._feed(inputs))

    def gradients(self, inputs: StepInputs) -> State:
        """What the first update of each network would apply, before clipping."""
        with tf.device(self._device):
            return {name: array.numpy() for name, array in self._gradients(self._feed(inputs)).items()}

    def generate(self, latents: Array, labels: Labels | None, *, averaged: bool = False) -> Array:
        """Pictures (B, height, width, channels) by running statistics."""
        weights = self._weights("generator", averaged)
        pictures = np.empty((len(latents), *self._gan.image_shape), self._kind.dtype.as_numpy_dtype)
        for start in range(0, len(latents), CHUNK):
            places = np.minimum(np.arange(start, start + CHUNK), len(latents) - 1)
            with tf.device(self._device):
                some = arrays.labels(None if labels is None else labels[places])
                made = self._pictures(weights, arrays.real(latents[places], self._kind.dtype), some)
            pictures[start : start + CHUNK] = made.numpy()[: len(latents) - start]
        return pictures

    def trace(self, network: NetworkName, inputs: Array, labels: Labels | None, *, key: int | None = None) -> State:
        """Every node's output, by its name."""
        with tf.device(self._device):
            done = forward(
                self._gan.nodes(network),
                self._weights(network),
                arrays.real(inputs, self._kind.dtype),
                arrays.labels(labels),
                key=None if key is None else tf.constant(key, tf.uint32),
                traced=True,
            )
        return {name: output.numpy() for name, output in done.outputs.items()}

    def state(self) -> State:
        """A copy of every array."""
        return arrays.neutral(self._variables)

    def load_state(self, state: State) -> None:
        """Put the arrays of `state` into the variables."""
        self._gan.check_state(state)
        for name, variable in self._variables.items():
            variable.assign(np.asarray(state[name], self._kind.dtype.as_numpy_dtype))

    def native(self, network: NetworkName, *, averaged: bool = False) -> keras.Model:
        """A Keras model of its own; pictures are NHWC, a conditional one is called with [inputs, labels]."""
        weights = {name: array.numpy() for name, array in self._weights(network, averaged).items()}
        return build(self._gan, network, weights, self._kind.dtype.name)

    def _feed(self, inputs: StepInputs) -> arrays.StepFeed:
        return arrays.feed(inputs, self._kind, generator_sees_real=self._gan.loss.generator_sees_real)

    def _weights(self, network: NetworkName, averaged: bool = False) -> Arrays:
        """Present values; the averaged ones lie over the generator's own, whose running statistics they share."""
        weights = arrays.network(self._variables, network)
        return weights | arrays.network(self._variables, "averaged") if averaged and network == "generator" else weights


def _pictures(gan: Gan, weights: Arrays, latents: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
    return forward(gan.generator, weights, latents, labels).output
