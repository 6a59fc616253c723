"""TensorFlow as the core's `Runtime`: variables, derivatives, and a step traced once into a graph."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ganforge.backend import (
    NO_FAST_FORMS,
    Collective,
    FastForms,
    GanSession,
    Precision,
    Session,
    SingleProcess,
    Vjp,
    plain_asked,
)
from ganforge.spec import Array, Gan, State
from ganforge_tensorflow import cpu, devices, memory, native
from ganforge_tensorflow.fast import fast_forms
from ganforge_tensorflow.ops import TensorFlowOps, gradients

Tensors: TypeAlias = dict[str, Any]
Function: TypeAlias = Callable[..., Any]


def open_session(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    """A session that holds `state`.

    Raises:
        PluginError: TensorFlow sees no such device.
        StateError: the state is not that of this GAN.
    """
    return session_of(gan, state, precision, devices.find(device), SingleProcess())


def session_of(
    gan: Gan,
    state: State,
    precision: Precision,
    device: str,
    replicas: Collective,
    together: Callable[[Function], Function] = lambda function: function,
) -> Session:
    """The same, of one of the processes that train together, on a device by its full name.

    together: makes of a function that is to be traced one that all processes run at once.
    """
    # Grappler's arithmetic optimizer makes one AddN of a + b + c, which adds in an order that changes from run to run
    # (see ops.gradients). It has no switch for one function, so this is set for TensorFlow as a whole.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    tuned = "CPU" in device and not plain_asked()
    ops = TensorFlowOps(replicas=replicas, forms=cpu.TUNED) if tuned else TensorFlowOps(replicas=replicas)
    reduced = tf.as_dtype(precision)
    runtime = TensorFlowRuntime(
        device=device,
        dtype=tf.float32 if reduced == tf.bfloat16 else reduced,
        reduced_dtype=reduced,
        ops=ops,
        fast=NO_FAST_FORMS if plain_asked() else fast_forms(ops),
        replicas=replicas,
        together=together,
    )
    return GanSession(gan, state, runtime, partial(native.build, gan), partial(native.arrays, gan))


@dataclass(frozen=True, kw_only=True)
class TensorFlowRuntime:
    """See `ganforge.backend.Runtime`."""

    device: str
    dtype: tf.DType
    reduced_dtype: tf.DType
    ops: TensorFlowOps
    fast: FastForms
    replicas: Collective
    together: Callable[[Function], Function]
    fixed_shapes: bool = True
    exact_batch: int = 16

    def arrays(self, state: State) -> Tensors:
        with tf.device(self.device):
            return {
                name: tf.Variable(array, dtype=self.dtype, trainable=False, name=name) for name, array in state.items()
            }

    def load(self, arrays: Tensors, state: State) -> None:
        converted = {name: self.real(array) for name, array in state.items()}
        for name, value in converted.items():
            arrays[name].assign(value)

    def to_numpy(self, x: Any) -> Array:
        return np.array(x.numpy())

    def real(self, array: npt.NDArray[Any]) -> tf.Tensor:
        return tf.constant(np.asarray(array, self.dtype.as_numpy_dtype))

    def reduced(self, array: npt.NDArray[Any]) -> tf.Tensor:
        return tf.constant(np.asarray(array, self.reduced_dtype.as_numpy_dtype))

    def integers(self, array: npt.NDArray[Any]) -> tf.Tensor:
        return tf.constant(array)

    def numbers(self, values: Sequence[float]) -> tf.Tensor:
        """One tensor, so that new numbers need no new trace."""
        return self.real(np.array(values, np.float64))

    def keys(self, values: Sequence[int]) -> tf.Tensor:
        return tf.constant(np.array(values, np.uint32))

    def vjp(self, function: Callable[[Tensors], tuple[tf.Tensor, Any]], arrays: Tensors) -> Vjp:
        """By `tf.gradients`, within a trace."""
        leaves = {name: tf.identity(each) for name, each in arrays.items()}
        return self._vjp(*function(leaves), leaves)

    def _vjp(self, value: tf.Tensor, aux: Any, leaves: Tensors) -> Vjp:
        def pull() -> Tensors:
            return dict(zip(leaves, gradients(value, list(leaves.values())), strict=True))

        return Vjp(tf.stop_gradient(value), aux, pull, lambda function: self._vjp(*function(value), leaves))

    def compile(
        self,
        function: Callable[..., tuple[Tensors, Any]],
        arrays: Tensors,
        *,
        changing: bool = False,
        together: bool = False,
    ) -> Callable[..., Any]:
        """Traced for every shape of its inputs."""
        # A partial, not a function of its own, since TensorFlow counts traces by the place in the source and warns.
        run = partial(self._run, function, arrays)
        return tf.function(self.together(run) if together else run, autograph=False)

    def _run(self, function: Callable[..., tuple[Tensors, Any]], arrays: Tensors, *inputs: Any) -> Any:
        changed, result = function(arrays, *inputs)
        for name, value in changed.items():
            if value is not arrays[name]:  # changed in place
                arrays[name].assign(value)
        return result

    @contextmanager
    def context(self) -> Iterator[None]:
        with memory.told(self.device), tf.device(self.device):
            yield
