"""This process as one of several that train a GAN together, by torch.distributed.

Gradients are summed by plain all-reduces. `DistributedDataParallel` would do it while `backward` still runs, but it
works by hooks on `backward`; a penalty differentiates twice, the two networks' updates share one graph, and both go by
`torch.autograd.grad`, of which it knows nothing.
"""

import atexit
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from ganforge.backend import Precision, Session, Shard, Workers
from ganforge.errors import RunError
from ganforge.spec import Array, Gan, State
from ganforge_torch import launch
from ganforge_torch.runtime import session_of

# While the first worker prepares a large data set or draws images, the others wait.
_PATIENCE = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Group:
    """The workers that have met, as a step sees them: `ganforge.backend.Collective`."""

    rank: int
    count: int
    one_batch: bool

    def mean(self, x: Tensor) -> Tensor:
        """The mean over all workers."""
        return _total(x) / self.count

    def gather(self, x: Tensor) -> Tensor:
        """(count, *x.shape): that of every worker, to be differentiated as often as one likes."""
        return _Gather.apply(x, self.rank, self.count)

    def heard(self) -> AbstractContextManager[None]:
        """Nothing: each sum hears for itself, as torch has no error of its own for it."""
        return nullcontext()

    def average(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The mean over all workers of each of `tensors`, in one message; they lie in memory as they did."""
        message = torch.empty(sum(each.numel() for each in tensors), dtype=tensors[0].dtype, device=tensors[0].device)
        averaged = [
            place.as_strided(each.shape, torch.empty_like(each, device="meta").stride())
            for place, each in zip(torch.split(message, [each.numel() for each in tensors]), tensors, strict=True)
        ]
        torch._foreach_copy_(averaged, list(tensors))
        _sum(message)
        message.div_(self.count)
        return averaged


def group(gan: Gan) -> Group:
    """The workers that have met, for a step of `gan`."""
    one_batch = gan.protocol.batch_statistics == "global"
    return Group(rank=dist.get_rank(), count=dist.get_world_size(), one_batch=one_batch)


def open_shared(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    """The same, of one of the workers that have met; on a machine with GPUs each has its own.

    Raises:
        PluginError: there is no such device, or fewer GPUs than workers.
    """
    if device in ("auto", "cuda") and torch.cuda.is_available():
        device = f"cuda:{launch.local_rank()}"
    return session_of(gan, state, precision, device, group(gan))


def join() -> Workers:
    """Meet the others that torchrun has started.

    Raises:
        RunError: they cannot be reached.
    """
    backends = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(launch.local_rank() % torch.cuda.device_count())
    try:
        dist.init_process_group(backends)
        host = dist.new_group(backend="gloo", timeout=_PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise RunError(f"worker {launch.rank()} cannot meet the others: {error}") from error
    # torch aborts a process that ends with its connections open.
    atexit.register(dist.destroy_process_group)

    def total(values: Array) -> Array:
        summed = torch.from_numpy(np.array(values, np.float64))
        with _heard():
            dist.all_reduce(summed, group=host)
        return summed.numpy()

    return Workers(shard=Shard(rank=dist.get_rank(), count=dist.get_world_size()), total=total)


class _Total(torch.autograd.Function):
    """Sum over all workers; so is its derivative, as all of them depend on what each has put in."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _sum(x.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _total(gradient)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rank: int, count: int) -> Tensor:
        ctx.rank = rank
        everyone = x.new_empty((count, *x.shape))
        with _heard():
            dist.all_gather(list(everyone), x.contiguous())
        return everyone

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _total(gradient)[ctx.rank], None, None


def _total(x: Tensor) -> Tensor:
    return _Total.apply(x)


def _sum(x: Tensor) -> Tensor:
    """Over all workers, in place."""
    with _heard():
        dist.all_reduce(x)
    return x


@contextmanager
def _heard() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RunError(
            f"worker {dist.get_rank()} stops, as another worker has ended; that one says why, if it could. What was "
            "saved before is untouched"
        ) from error
