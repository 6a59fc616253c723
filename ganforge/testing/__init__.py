"""For tests, ours and everybody's: the NumPy reference, tiny GANs, and the checks of a backend, a data set or a loss.

The names below are imported when first used: a list of plugins must not wait for them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganforge.testing.backends import check_backend
    from ganforge.testing.datasets import check_dataset
    from ganforge.testing.findings import ConformanceError, Finding
    from ganforge.testing.losses import check_loss
    from ganforge.testing.plugin import REFERENCE

_HOMES = {
    "REFERENCE": "plugin",
    "ConformanceError": "findings",
    "Finding": "findings",
    "check_backend": "backends",
    "check_dataset": "datasets",
    "check_loss": "losses",
}

__all__ = ["REFERENCE", "ConformanceError", "Finding", "check_backend", "check_dataset", "check_loss"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganforge.testing' has no attribute {name!r}")
    return getattr(import_module(f"ganforge.testing.{_HOMES[name]}"), name)
