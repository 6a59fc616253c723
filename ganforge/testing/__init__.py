"""For tests, ours and everybody's: the NumPy reference, tiny GANs, and the checks of a backend or a data set."""

from ganforge.testing.plugin import REFERENCE

__all__ = ["REFERENCE"]
