"""A network as JAX has it: a pure function and its pytree of arrays, to be differentiated, compiled and exported."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np

from ganforge.backend import Runtime, forward_pass
from ganforge.errors import StateError
from ganforge.spec import Gan, NetworkName, State

Params = dict[str, dict[str, jax.Array]]
"""By layer, then by array: `params["03_conv"]["kernel"]`."""


class NativeNetwork(NamedTuple):
    """`apply(params, x)` or `apply(params, x, labels)`."""

    apply: Callable[..., jax.Array]
    """Latents (B, size) or images (B, height, width, channels), labels (B,) integers for a conditional network; by
    running statistics. Plain lax and jnp operations, pure."""
    params: Params


def build(runtime: Runtime, gan: Gan, network: NetworkName, arrays: dict[str, jax.Array]) -> NativeNetwork:
    """The network with copies of `arrays`, by their names in it.

    runtime: one that computes by XLA's own operations, in one process.
    """
    params: Params = {}
    for name, array in arrays.items():
        layer, _, kind = name.rpartition("/")
        params.setdefault(layer, {})[kind] = runtime.real(np.asarray(array))
    nodes = gan.nodes(network)

    def apply(params: Params, x: jax.Array, labels: jax.Array | None = None) -> jax.Array:
        own = {f"{layer}/{kind}": array for layer, kinds in params.items() for kind, array in kinds.items()}
        hot = None if labels is None else runtime.ops.one_hot(labels, gan.classes, x)
        return forward_pass(runtime, nodes, own, x, hot)[0]

    return NativeNetwork(apply, params)


def arrays(network: NetworkName, module: NativeNetwork | Params) -> State:
    """The arrays of a `NativeNetwork`, or of its `params` alone, by their names in the network."""
    params = module.params if isinstance(module, NativeNetwork) else module
    if not isinstance(params, Mapping) or not all(isinstance(kinds, Mapping) for kinds in params.values()):
        raise StateError(f"JAX's weights are read from (apply, params) or params, not from {type(module).__name__}")
    return {f"{layer}/{kind}": np.asarray(array) for layer, kinds in params.items() for kind, array in kinds.items()}
