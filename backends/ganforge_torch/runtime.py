"""torch as the core's `Runtime`: arrays, derivatives, and a step that runs eagerly."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

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
from ganforge_torch import cpu, devices, memory, native
from ganforge_torch.fast import FAST
from ganforge_torch.ops import TorchOps

Tensors = dict[str, Tensor]


def open_session(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    """A session that holds `state`.

    Raises:
        PluginError: there is no such device.
        StateError: `state` is not that of `gan`.
    """
    return session_of(gan, state, precision, device, SingleProcess())


def session_of(gan: Gan, state: State, precision: Precision, name: str, replicas: Collective) -> Session:
    """The same, of one of the processes that train together."""
    device = devices.find(name, precision)
    tuned = device.type == "cpu" and not plain_asked()
    if tuned:
        cpu.keep_freed_memory()
    dtype = torch.float32 if precision == "bfloat16" else getattr(torch, precision)
    runtime = TorchRuntime(
        device=device,
        dtype=dtype,
        reduced_dtype=torch.bfloat16 if precision == "bfloat16" else dtype,
        threads=cpu.threads(gan) if tuned else None,
        ops=TorchOps(replicas=replicas, forms=cpu.TUNED) if tuned else TorchOps(replicas=replicas),
        fast=NO_FAST_FORMS if plain_asked() else FAST,
        replicas=replicas,
    )
    return GanSession(gan, state, runtime, partial(native.build, gan), partial(native.arrays, gan))


@dataclass(frozen=True, kw_only=True)
class TorchRuntime:
    """See `ganforge.backend.Runtime`."""

    device: torch.device
    dtype: torch.dtype
    reduced_dtype: torch.dtype
    threads: int | None
    """On a CPU; None: as many as torch has."""
    ops: TorchOps
    fast: FastForms
    replicas: Collective
    fixed_shapes: bool = False
    exact_batch: int = 1
    """Products and convolutions are rounded by an image's place in the batch, too."""

    def arrays(self, state: State) -> Tensors:
        return {name: self._parameter(self.real(array)) for name, array in state.items()}

    def load(self, arrays: Tensors, state: State) -> None:
        arrays.update(self.arrays(state))

    def to_numpy(self, x: Tensor) -> Array:
        return np.array(x.numpy(force=True), order="C")

    def real(self, array: npt.NDArray[Any]) -> Tensor:
        return self._sent(torch.tensor(array, dtype=self.dtype))

    def reduced(self, array: npt.NDArray[Any]) -> Tensor:
        return self.real(array).to(self.reduced_dtype)

    def integers(self, array: npt.NDArray[Any]) -> Tensor:
        return self._sent(torch.tensor(array))

    def numbers(self, values: Sequence[float]) -> Sequence[float]:
        return values

    def keys(self, values: Sequence[int]) -> Sequence[int]:
        return values

    def vjp(self, function: Callable[[Tensors], tuple[Tensor, Any]], arrays: Tensors) -> Vjp:
        """By `torch.autograd.grad`, over leaves that share the arrays' memory."""
        leaves = {name: each.detach().requires_grad_() for name, each in arrays.items()}
        with torch.enable_grad():
            return self._vjp(*function(leaves), leaves)

    def _vjp(self, value: Tensor, aux: Any, leaves: Tensors) -> Vjp:
        def pull() -> Tensors:
            found = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
            return dict(zip(leaves, found, strict=True))

        def then(function: Callable[[Tensor], tuple[Tensor, Any]]) -> Vjp:
            with torch.enable_grad():
                return self._vjp(*function(value), leaves)

        return Vjp(value.detach(), aux, pull, then)

    def compile(
        self,
        function: Callable[..., tuple[Tensors, Any]],
        arrays: Tensors,
        *,
        changing: bool = False,
        together: bool = False,
    ) -> Callable[..., Any]:

        def run(*inputs: Any) -> Any:
            changed, result = function(arrays, *inputs)
            arrays.update(changed)
            return result

        return run

    @contextmanager
    def context(self) -> Iterator[None]:
        with memory.told(self.device), torch.no_grad(), devices.repeatable(self.device, self.threads):
            yield

    def _parameter(self, array: Tensor) -> Tensor:
        if array.ndim != 4:
            return array
        # Kernels lie as images do where oneDNN convolves. torch's own convolution, which does float64, has a fault: it
        # cannot make the gradient of every kernel in that format. A clone, because `contiguous` leaves a kernel of one
        # channel with strides of which torch's own convolution makes no gradient in float32 either.
        like_images = array.dtype == torch.float32 and torch.backends.mkldnn.is_available()
        order = torch.channels_last if like_images else torch.contiguous_format
        return array.permute(3, 2, 0, 1).clone(memory_format=order).permute(2, 3, 1, 0)

    def _sent(self, host: Tensor) -> Tensor:
        # From pinned memory the copy to a GPU goes on while Python does.
        return (
            host.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else host.to(self.device)
        )
