"""Which device a session's arrays lie on, and what makes its numbers repeatable there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ganforge.backend import Precision, choose_device
from ganforge.errors import PluginError

_backends: Any = torch.backends  # torch's type hints do not know all of them
_EXACT: tuple[tuple[Any, str, Any], ...] = (
    (_backends.cudnn, "benchmark", False),
    (_backends.cudnn, "deterministic", True),
    (_backends.cudnn.conv, "fp32_precision", "ieee"),
    (_backends.cuda.matmul, "fp32_precision", "ieee"),
    (_backends.mkldnn.matmul, "fp32_precision", "ieee"),  # which the older setting below changes, too
    (torch.utils.deterministic, "fill_uninitialized_memory", False),  # costs time, and nothing reads it
)
"""torch's settings while a GPU computes: where, name, value."""
_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def find(name: str, precision: Precision) -> torch.device:
    """The device of a common name, as 'auto', 'cpu', 'cuda:1' or 'mps'.

    Raises:
        PluginError: torch sees no such device, or it cannot compute in this precision.
    """
    found, _ = choose_device(name, known(), "torch")
    if found == "mps" and precision == "float64":
        raise PluginError("device 'mps' has no float64; take --precision float32 or --device cpu")
    if found.startswith("cuda"):
        # Without it torch refuses matrix products where algorithms must be deterministic; cuBLAS reads it at its start.
        os.environ.setdefault(_WORKSPACE, ":4096:8")
    return torch.device(found)


def known() -> dict[str, str]:
    """What each device is, by its common name, the best first."""
    gpus = {f"cuda:{index}": torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())}
    apple = {"mps": "Metal"} if torch.backends.mps.is_available() else {}
    return {**gpus, **apple, "cpu": ""}


@contextmanager
def repeatable(device: torch.device, threads: int | None) -> Iterator[None]:
    """While open, the same inputs give the same bits, and float32 means float32 (no TF32).

    On a CPU that is so for one number of threads; on a GPU torch must be told.
    """
    if device.type == "cuda":
        with _exact():
            yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _exact() -> Iterator[None]:
    kept = [(where, name, getattr(where, name)) for where, name, _ in _EXACT]
    enabled, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    older = _matmul_precision()
    try:
        torch.set_float32_matmul_precision("highest")
        for where, name, value in _EXACT:
            setattr(where, name, value)
        torch.use_deterministic_algorithms(True)
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warns)
        torch.set_float32_matmul_precision(older)
        for where, name, value in kept:
            setattr(where, name, value)


def _matmul_precision() -> str:
    """The setting that is older than those of single operations. Where it contradicts them, torch refuses products."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # it contradicts them now, so it was never set
        return "highest"
