"""For tests, ours and everybody's: the NumPy reference, tiny GANs, and the checks of a backend, a data set, a loss or
an extractor.

The names below are imported when first used: a list of plugins must not wait for them.
"""

from typing import TYPE_CHECKING

from ganforge._io.lazy import lazy_exports

if TYPE_CHECKING:
    from ganforge.testing.alone import run_layer
    from ganforge.testing.backends import check_backend
    from ganforge.testing.datasets import check_dataset
    from ganforge.testing.diagnosis import Diagnosis, diagnose
    from ganforge.testing.extractors import check_extractor
    from ganforge.testing.findings import ConformanceError, Finding
    from ganforge.testing.layer_check import check_layer
    from ganforge.testing.losses import check_loss
    from ganforge.testing.ops import NUMPY_OPS
    from ganforge.testing.optimizer_check import check_optimizer
    from ganforge.testing.plugin import REFERENCE
    from ganforge.testing.reference import open_reference

_HOMES = {
    "NUMPY_OPS": "ops",
    "REFERENCE": "plugin",
    "ConformanceError": "findings",
    "Diagnosis": "diagnosis",
    "Finding": "findings",
    "check_backend": "backends",
    "check_dataset": "datasets",
    "check_extractor": "extractors",
    "check_layer": "layer_check",
    "check_loss": "losses",
    "check_optimizer": "optimizer_check",
    "diagnose": "diagnosis",
    "open_reference": "reference",
    "run_layer": "alone",
}

__all__ = [
    "NUMPY_OPS",
    "REFERENCE",
    "ConformanceError",
    "Diagnosis",
    "Finding",
    "check_backend",
    "check_dataset",
    "check_extractor",
    "check_layer",
    "check_loss",
    "check_optimizer",
    "diagnose",
    "open_reference",
    "run_layer",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
