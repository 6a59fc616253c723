"""This process as one of several that train a GAN together, by TensorFlow's multi-worker strategy.

The strategy brings the processes together and carries the sums. Its variables are not used: every worker holds plain
ones, and moves them alike.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from ganforge.backend import Precision, Session, Workers, waiting_for_others
from ganforge.errors import PluginError, RunError
from ganforge.spec import Array, Gan, State
from ganforge_tensorflow import devices, launch
from ganforge_tensorflow.runtime import session_of


@dataclass(frozen=True, kw_only=True)
class Group:
    """The workers that have met, as a step sees them: `ganforge.backend.Collective`."""

    rank: int
    count: int
    one_batch: bool

    def mean(self, x: tf.Tensor) -> tf.Tensor:
        """The mean over all workers."""
        return _total(x) / self.count

    def gather(self, x: tf.Tensor) -> tf.Tensor:
        """(count, *x.shape): that of every worker, to be differentiated as often as one likes."""
        # A sum with zeros. The strategy's own gathering first asks all workers for their shapes.
        return _total(tf.stack([x if rank == self.rank else tf.zeros_like(x) for rank in range(self.count)]))

    def heard(self) -> AbstractContextManager[None]:
        """While open, that another worker has ended is a RunError."""
        return heard(self.rank)

    def average(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The mean over all workers of each of `tensors`, in one message."""
        message = _total(tf.concat([tf.reshape(each, [-1]) for each in tensors], 0)) / self.count
        parts = tf.split(message, [each.shape.num_elements() for each in tensors])
        return [tf.reshape(part, each.shape) for part, each in zip(parts, tensors, strict=True)]


def _together(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, ready to be traced, as something that all workers do at once."""
    return lambda *inputs: _strategy().run(function, args=inputs)


def group(gan: Gan) -> Group:
    """The workers that have met, for a step of `gan`."""
    shard = launch.shard()
    return Group(rank=shard.rank, count=shard.count, one_batch=gan.protocol.batch_statistics == "global")


def open_shared(gan: Gan, state: State, precision: Precision, name: str) -> Session:
    """The same, of one of the workers that have met.

    Raises:
        PluginError: TensorFlow sees no such device, or it is not the one that the workers share.
    """
    found, shared = devices.find(name), device()
    if name != "auto" and found != shared:
        raise PluginError(f"this worker computes on {shared}, not {found}; CUDA_VISIBLE_DEVICES decides it")
    return session_of(gan, state, precision, shared, group(gan), _together)


def join() -> Workers:
    """Meet the others of TF_CONFIG. TensorFlow must have done nothing yet.

    Raises:
        RunError: they cannot be reached, or this process has more than one accelerator.
    """
    shard = launch.shard()
    try:
        with waiting_for_others(
            f"worker {shard.rank} of {shard.count}, {launch.address()}, waits for the others of TF_CONFIG"
        ):
            strategy = _strategy()
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        raise RunError(
            f"worker {shard.rank} cannot meet the others of TF_CONFIG as {launch.address()}: {error}; is that port in "
            "use, or that host another machine?"
        ) from error
    if strategy.num_replicas_in_sync != shard.count:
        raise RunError(
            f"{shard.count} workers have {strategy.num_replicas_in_sync} accelerators; start one worker for each, and "
            "show it that one alone by CUDA_VISIBLE_DEVICES"
        )

    def own(values: tf.Tensor) -> tf.Tensor:
        return _total(tf.identity(values))  # which lies on a device, as an argument does not

    summed = tf.function(lambda values: strategy.run(own, args=(values,)), autograph=False)

    def total(values: Array) -> Array:
        with heard(shard.rank):
            return np.asarray(summed(tf.constant(values, tf.float64)))

    return Workers(shard=shard, total=total)


def device() -> str:
    """The one device of this worker: /device:CPU:0."""
    name: str = _strategy().extended.worker_devices[0]
    return name[name.index("/device:") :]


@contextmanager
def heard(rank: int) -> Iterator[None]:
    """While open, that another worker has ended is a RunError."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        raise RunError(
            f"worker {rank} stops, as another worker has ended; that one says why, if it could. What was saved before "
            "is untouched"
        ) from error


@cache
def _strategy() -> tf.distribute.Strategy:
    return tf.distribute.MultiWorkerMirroredStrategy()


def _total(x: tf.Tensor) -> tf.Tensor:
    """Sum over all workers; so is its derivative, as all of them depend on what each has put in."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, x)
