"""JAX as the core's `Runtime`: arrays, derivatives, and a step compiled once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

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
from ganforge_jax import cpu, devices, memory, native
from ganforge_jax.fast import FAST
from ganforge_jax.ops import JaxOps

Tensors: TypeAlias = dict[str, jax.Array]
Function: TypeAlias = Callable[..., tuple[Tensors, Any]]


def open_session(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    """A session that holds `state`.

    Raises:
        PluginError: JAX sees no such device.
        StateError: the state is not that of this GAN.
    """
    return session_of(gan, state, precision, devices.find(device), SingleProcess())


def session_of(
    gan: Gan,
    state: State,
    precision: Precision,
    device: jax.Device,
    replicas: Collective,
    together: Callable[..., Function] = jax.jit,
) -> Session:
    """The same, of one of the processes that train together.

    together: compiles what all of them run at once.
    """
    tuned = device.platform == "cpu" and not plain_asked()
    if tuned:
        cpu.keep_freed_memory()
    reduced: Any = jnp.dtype(precision)
    runtime = JaxRuntime(
        device=device,
        dtype=np.dtype(np.float32) if precision == "bfloat16" else reduced,
        reduced_dtype=reduced,
        ops=JaxOps(replicas=replicas, forms=cpu.TUNED) if tuned else JaxOps(replicas=replicas),
        fast=NO_FAST_FORMS if plain_asked() else FAST,
        replicas=replicas,
        together=together,
    )
    plain = replace(runtime, ops=JaxOps(replicas=SingleProcess()), fast=NO_FAST_FORMS, replicas=SingleProcess())
    return GanSession(gan, state, runtime, partial(native.build, plain, gan), native.arrays)


@dataclass(frozen=True, kw_only=True)
class JaxRuntime:
    """See `ganforge.backend.Runtime`."""

    device: jax.Device
    dtype: np.dtype[Any]
    reduced_dtype: np.dtype[Any]
    ops: JaxOps
    fast: FastForms
    replicas: Collective
    together: Callable[..., Function]
    fixed_shapes: bool = True
    exact_batch: int = 16

    def arrays(self, state: State) -> Tensors:
        with self.context():
            return {name: self.real(array) for name, array in state.items()}

    def load(self, arrays: Tensors, state: State) -> None:
        arrays.update(self.arrays(state))

    def to_numpy(self, x: jax.Array) -> Array:
        return np.array(x)

    def real(self, array: npt.NDArray[Any]) -> jax.Array:
        return self._sent(array, self.dtype)

    def reduced(self, array: npt.NDArray[Any]) -> jax.Array:
        return self._sent(array, self.reduced_dtype)

    def integers(self, array: npt.NDArray[Any]) -> jax.Array:
        return self._sent(array, np.uint8 if array.dtype == np.uint8 else np.int32)

    def numbers(self, values: Sequence[float]) -> jax.Array:
        """One array, so that new numbers need no new trace."""
        return self._sent(values, self.dtype)

    def keys(self, values: Sequence[int]) -> jax.Array:
        return self._sent(values, np.uint32)

    def vjp(self, function: Callable[[Tensors], tuple[jax.Array, Any]], arrays: Tensors) -> Vjp:
        """By `jax.vjp`."""
        value, back, aux = jax.vjp(function, arrays, has_aux=True)
        return self._vjp(value, aux, lambda cotangent: back(cotangent)[0])

    def _vjp(self, value: jax.Array, aux: Any, back: Callable[[jax.Array], Tensors]) -> Vjp:
        def then(function: Callable[[jax.Array], tuple[jax.Array, Any]]) -> Vjp:
            last, last_back, last_aux = jax.vjp(function, value, has_aux=True)
            return self._vjp(last, last_aux, lambda cotangent: back(last_back(cotangent)[0]))

        return Vjp(value, aux, lambda: back(jnp.ones_like(value)), then)

    def compile(
        self, function: Function, arrays: Tensors, *, changing: bool = False, together: bool = False
    ) -> Callable[..., Any]:
        """Traced for every shape of its inputs. Arrays that change are donated, so that they need no second place."""
        # A CPU's sums have a fixed order as they are.
        options = {"xla_gpu_deterministic_ops": True} if self.device.platform == "gpu" else None
        jit = self.together if together else jax.jit
        if not changing:
            looking = jit(lambda *given: function(*given)[1], compiler_options=options)
            return lambda *inputs: looking(arrays, *inputs)
        # What is donated must all come back.
        whole = jit(partial(_whole, function), donate_argnums=0, compiler_options=options)

        def run(*inputs: Any) -> Any:
            changed, result = whole(arrays, *inputs)
            arrays.update(changed)
            return {name: memory.Awaited(each, self.device) for name, each in result.items()}

        return run

    @contextmanager
    def context(self) -> Iterator[None]:
        """On the device, in the session's precision whatever the process has set, and float32 meaning float32."""
        with (
            memory.told(self.device),
            jax.enable_x64(self.dtype == np.float64),
            jax.default_matmul_precision("highest"),
            jax.default_device(self.device),
        ):
            yield

    def _sent(self, values: Any, dtype: npt.DTypeLike) -> jax.Array:
        # A copy first: on a CPU JAX looks at NumPy's own memory.
        return jax.device_put(np.array(values, dtype), self.device)


def _whole(function: Function, arrays: Tensors, *inputs: Any) -> tuple[Tensors, Any]:
    changed, result = function(arrays, *inputs)
    return arrays | changed, result
