"""JAX's faster ways to the core's numbers: few, as XLA makes one pass of what stands side by side."""

from ganforge.backend import FastForms, label_as_bias
from ganforge.spec import Conv, ConvTranspose, JoinLabel

_LABEL_WORTH = 1_000_000
"""Multiplications to be spared for which a label is better joined as a bias."""

_label = label_as_bias(_LABEL_WORTH)

FAST = FastForms(pairs={(JoinLabel, Conv): _label, (JoinLabel, ConvTranspose): _label})
