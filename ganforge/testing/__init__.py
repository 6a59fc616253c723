"""For tests, ours and everybody's: the NumPy reference, tiny GANs, and the checks of a backend or a data set.

Nothing here imports a framework, nor autograd, before it is needed.
"""

from ganforge.testing.backends import check_backend
from ganforge.testing.datasets import check_dataset
from ganforge.testing.findings import ConformanceError, Finding
from ganforge.testing.plugin import REFERENCE

__all__ = ["REFERENCE", "ConformanceError", "Finding", "check_backend", "check_dataset"]
