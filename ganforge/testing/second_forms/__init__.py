"""Layers written a second time, in plain NumPy, each as docs/semantics.md says: `(node, x, run)` to the output.

`ganforge.testing.layers` has the first ones, which wrong forms (traps) are made of; these are looked up by kind.
"""

from ganforge.testing.second_forms.activations import ACTIVATIONS
from ganforge.testing.second_forms.form import Form, Forms
from ganforge.testing.second_forms.labels import LABELS
from ganforge.testing.second_forms.mixing import MIXING
from ganforge.testing.second_forms.norms import NORMS
from ganforge.testing.second_forms.pooling import POOLING
from ganforge.testing.second_forms.resizing import RESIZING

__all__ = ["SECOND_FORMS", "Form", "Forms"]

SECOND_FORMS: Forms = {**ACTIVATIONS, **LABELS, **MIXING, **NORMS, **POOLING, **RESIZING}
"""By kind."""
