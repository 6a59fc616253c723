"""Which device a session's arrays lie on, and what makes its numbers repeatable there."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ganforge.backend import Precision, choose_device
from ganforge.errors import PluginError


def find(name: str, precision: Precision) -> torch.device:
    """The device of a common name, as 'auto', 'cpu', 'cuda:1' or 'mps'.

    Raises:
        PluginError: torch sees no such device, or it cannot compute in this precision.
    """
    found, _ = choose_device(name, known(), "torch")
    if found == "mps" and precision == "float64":
        raise PluginError("device 'mps' has no float64; take --precision float32 or --device cpu")
    return torch.device(found)


def known() -> dict[str, str]:
    """What each device is, by its common name, the best first."""
    gpus = {f"cuda:{index}": torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())}
    apple = {"mps": "Metal"} if torch.backends.mps.is_available() else {}
    return {**gpus, **apple, "cpu": ""}


@contextmanager
def repeatable(device: torch.device, threads: int | None) -> Iterator[None]:
    """While open, the same inputs give the same bits, and float32 means float32 (no TF32).

    On a CPU that is so for one number of threads; on a GPU cuDNN must be told.
    """
    if device.type == "cuda":
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
