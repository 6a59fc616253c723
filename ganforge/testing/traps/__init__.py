"""Known ways to compute something else without noticing: the reference with one piece exchanged.

docs/parity.md has the table that a trap's number refers to. Adding a trap is adding a line here: the parity check must
catch it and its diagnosis name it, which tests/parity/test_traps.py makes sure of.
"""

from ganforge.backend.contract import BackendEntry, Precision, Session
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan
from ganforge.testing.reference import open_reference
from ganforge.testing.traps.augmenting import AUGMENTATION_TRAPS
from ganforge.testing.traps.blocks import BLOCK_TRAPS
from ganforge.testing.traps.layers import LAYER_TRAPS
from ganforge.testing.traps.optimizers import OPTIMIZER_TRAPS
from ganforge.testing.traps.regularizing import REGULARIZATION_TRAPS
from ganforge.testing.traps.training import TRAINING_TRAPS
from ganforge.testing.traps.trap import Trap

__all__ = ["TRAPS", "Trap", "trapped"]

TRAPS = (*LAYER_TRAPS, *BLOCK_TRAPS, *OPTIMIZER_TRAPS, *TRAINING_TRAPS, *AUGMENTATION_TRAPS, *REGULARIZATION_TRAPS)


def trapped(trap: Trap) -> BackendEntry:
    """The reference with the trap in it, as a backend."""

    def opened(gan: Gan, state: State, precision: Precision, device: str) -> Session:
        return open_reference(gan, state, precision, device, semantics=trap.semantics)

    return BackendEntry(
        name=trap.name, summary=trap.what, modules=("autograd",), install="ganforge[testing]", open=opened
    )
