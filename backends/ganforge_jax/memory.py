"""What JAX says when memory runs out, in ganforge's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ganforge.backend import bytes_after, host_memory, out_of_memory


@contextmanager
def told(device: jax.Device) -> Iterator[None]:
    """While open, JAX's errors about memory become one that says how much there was.

    Raises:
        OutOfMemoryError: memory ran out.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        text = str(error)
        if "RESOURCE_EXHAUSTED" not in text:
            raise
        total, free = _memory(device)
        name = "cpu" if device.platform == "cpu" else f"cuda:{device.local_hardware_id or 0}"
        raise out_of_memory(name, asked=bytes_after("allocat(?:e|ing)", text), free=free, total=total) from error


@dataclass(frozen=True)
class Awaited:
    """An array that JAX may still be computing: what goes wrong meanwhile is told to whoever reads it."""

    value: jax.Array
    device: jax.Device

    def __float__(self) -> float:
        """The number, once it is there. Raises `OutOfMemoryError`: memory ran out."""
        with told(self.device):
            return float(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """The array, once it is there. Raises `OutOfMemoryError`: memory ran out."""
        with told(self.device):
            return np.array(self.value, dtype)


def _memory(device: jax.Device) -> tuple[int | None, int | None]:
    """Bytes that a device has, and the free ones."""
    if device.platform == "cpu":
        return host_memory()
    stats = device.memory_stats() or {}
    total, used = stats.get("bytes_limit"), stats.get("bytes_in_use")
    return total, None if total is None or used is None else total - used
