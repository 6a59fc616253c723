"""This process as one of several that train a GAN together, by jax.distributed.

A session's arrays lie on the worker's own device, so that all but the step and its gradients stays local. Those two run
over a mesh of all devices: what a worker holds becomes, without a copy, its part of arrays that lie on all of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from socket import create_server
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ganforge.backend import Precision, Session, Workers, waiting_for_others
from ganforge.errors import PluginError, RunError
from ganforge.spec import Array, Gan, State
from ganforge_jax import devices, launch
from ganforge_jax.runtime import Function, session_of

_AXIS = "workers"
_SAME, _ROWS = PartitionSpec(), PartitionSpec(_AXIS)
"""What is the same on all workers; of what each has its own rows."""
_PATIENCE = 24 * 60 * 60  # seconds; JAX aborts the process afterwards


@dataclass(frozen=True, kw_only=True)
class Group:
    """The workers that have met, as a step sees them: `ganforge.backend.Collective`."""

    rank: int
    count: int
    one_batch: bool

    def mean(self, x: jax.Array) -> jax.Array:
        """The mean over all workers."""
        return lax.pmean(x, _AXIS)

    def gather(self, x: jax.Array) -> jax.Array:
        """(count, *x.shape): that of every worker, to be differentiated as often as one likes."""
        return lax.all_gather(x, _AXIS)

    def average(self, tensors: Sequence[jax.Array]) -> list[jax.Array]:
        """The mean over all workers of each of `tensors`, in one operation."""
        return list(lax.pmean(list(tensors), _AXIS))

    def heard(self) -> AbstractContextManager[None]:
        """Nothing: what all run together hears for itself."""
        return nullcontext()


def open_shared(gan: Gan, state: State, precision: Precision, name: str) -> Session:
    """A session of one of the workers that have met.

    Raises:
        PluginError: JAX sees no such device, or it is not the one that this worker shares.
    """
    found, shared = devices.find(name), devices.find("auto")
    if found != shared:
        raise PluginError(f"this worker computes on {shared}, not {found}; JAX_PLATFORMS decides it")
    shard, one_batch = launch.shard(), gan.protocol.batch_statistics == "global"
    group = Group(rank=shard.rank, count=shard.count, one_batch=one_batch)
    return session_of(gan, state, precision, shared, group, together)


def join() -> Workers:
    """Meet the others. JAX must have looked for no device yet.

    Raises:
        RunError: they cannot be reached, or this process has more than one accelerator.
    """
    shard, address = launch.shard(), launch.address()
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        if shard.rank == 0:  # JAX does not survive a port that is taken
            create_server(("", int(address.rpartition(":")[2]))).close()
        with waiting_for_others(f"worker {shard.rank} of {shard.count} waits for the others at {address}"):
            jax.distributed.initialize(address, shard.count, shard.rank, initialization_timeout=_PATIENCE)
        device = devices.find("auto")
    except (OSError, RuntimeError) as error:
        raise RunError(f"worker {shard.rank} cannot meet the others at {address}: {error}") from error
    if len(jax.devices()) != shard.count:
        raise RunError(
            f"{shard.count} workers have {len(jax.devices())} accelerators; start one worker for each, and show it "
            "that one alone by JAX_LOCAL_DEVICE_IDS"
        )
    summed = together(lambda nothing, values: lax.psum(values, _AXIS))

    def total(values: Array) -> Array:
        with jax.enable_x64(True):
            return np.array(summed({}, jax.device_put(np.array(values, np.float64)[None], device)))[0]

    total(np.zeros(1))
    if device.platform == "cpu":
        # The sums now have connections of their own, and fail as soon as a worker ends. JAX's service, which NCCL still
        # needs, would abort all workers instead, or keep one that ends waiting for the others.
        jax.distributed.shutdown()
    return Workers(shard=shard, total=total)


def together(function: Function, **options: Any) -> Function:
    """As `jax.jit`, of `function(arrays, *inputs)` that all workers call at once.

    Arrays and results are the same on all of them; each has its own rows of the inputs. Raises RunError: a worker has
    ended.
    """
    # With its check of what is the same on all, a sum's derivative would be that of one worker's result alone.
    spread = jax.shard_map(
        lambda arrays, inputs: function(arrays, *inputs),
        mesh=_mesh(),
        in_specs=(_SAME, _ROWS),
        out_specs=_SAME,
        check_vma=False,
    )
    compiled = jax.jit(spread, **options)

    def run(arrays: Any, *inputs: Any) -> Any:
        found = compiled(_on_all(arrays, _SAME), _on_all(inputs, _ROWS))
        with _heard():
            jax.block_until_ready(found)
        return jax.tree.map(lambda each: each.addressable_data(0), found)

    return run


@cache
def _mesh() -> Mesh:
    return Mesh(np.array(sorted(jax.devices(), key=lambda each: each.process_index)), (_AXIS,))


def _on_all(own: Any, spec: PartitionSpec) -> Any:
    """Arrays on all devices, of which this worker holds `own`."""
    sharding = NamedSharding(_mesh(), spec)

    def on_all(each: jax.Array) -> jax.Array:
        shape = (_mesh().size * each.shape[0], *each.shape[1:]) if spec == _ROWS else each.shape
        return jax.make_array_from_single_device_arrays(shape, sharding, [each])

    return jax.tree.map(on_all, own)


@contextmanager
def _heard() -> Iterator[None]:
    try:
        yield
    except (ValueError, jax.errors.JaxRuntimeError) as error:  # gloo's failures come as the first, NCCL's as the other
        raise RunError(
            f"worker {launch.shard().rank} stops, as another worker has ended; that one says why, if it could. What "
            "was saved before is untouched"
        ) from error
