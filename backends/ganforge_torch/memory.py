"""What torch says when memory runs out, in ganforge's words."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ganforge.backend import bytes_after, host_memory, out_of_memory


@contextmanager
def told(device: torch.device) -> Iterator[None]:
    """While open, torch's errors about memory become one that says how much there was.

    Raises:
        OutOfMemoryError: memory ran out.
    """
    try:
        yield
    except (
        RuntimeError
    ) as error:  # torch.OutOfMemoryError is one of them; a CPU and Apple's GPUs have none of their own
        text = str(error)
        if "DefaultCPUAllocator" in text:
            total, free = host_memory()
            raise out_of_memory("cpu", asked=bytes_after("tried to allocate", text), free=free, total=total) from error
        if not (isinstance(error, torch.OutOfMemoryError) or "backend out of memory" in text):
            raise
        raise out_of_memory(
            str(device),
            asked=bytes_after("Tried to allocate", text),
            free=bytes_after("of which", text),
            total=bytes_after("total capacity of|max allowed", text),
        ) from error
