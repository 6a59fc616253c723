"""For tests, ours and everybody's: the NumPy reference, tiny GANs, and the checks of a backend, a data set, a loss or
an extractor.

The names below are imported when first used: a list of plugins must not wait for them.
"""

from typing import TYPE_CHECKING

from ganforge._io.lazy import lazy_exports

if TYPE_CHECKING:
    from ganforge.testing.backends import check_backend
    from ganforge.testing.datasets import check_dataset
    from ganforge.testing.diagnosis import Diagnosis, diagnose
    from ganforge.testing.extractors import check_extractor
    from ganforge.testing.findings import ConformanceError, Finding
    from ganforge.testing.losses import NUMPY_OPS, check_loss
    from ganforge.testing.plugin import REFERENCE
    from ganforge.testing.reference import open_reference

_HOMES = {
    "NUMPY_OPS": "losses",
    "REFERENCE": "plugin",
    "ConformanceError": "findings",
    "Diagnosis": "diagnosis",
    "Finding": "findings",
    "check_backend": "backends",
    "check_dataset": "datasets",
    "check_extractor": "extractors",
    "check_loss": "losses",
    "diagnose": "diagnosis",
    "open_reference": "reference",
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
    "check_loss",
    "diagnose",
    "open_reference",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
