"""The parity contract on one GAN, for two backends."""

from ganforge.backend.contract import BackendEntry, Precision
from ganforge.parity.pair import Inputs, Pair
from ganforge.parity.report import Report
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan


def compare(
    gan: Gan,
    a: BackendEntry,
    b: BackendEntry,
    *,
    inputs: Inputs,
    state: State,
    precision: Precision = "float64",
    steps: int = 20,
    lock_step: int = 0,
    device: str = "cpu",
) -> Report:
    """The parity contract on one GAN, from one state, for two backends.

    steps: of the free run; lock_step: of the run in which `b` is given `a`'s state before each step, 0 for none.

    Raises:
        PluginError: a backend cannot be opened on `device`.
    """
    pair = Pair(gan, a, b, inputs, state, precision, device)
    rows = [*pair.one_step(), *pair.free(steps)]
    if lock_step:
        rows.append(pair.locked(lock_step))
    rows.append(pair.there_and_back())
    return Report(a=a.name, b=b.name, precision=precision, rows=tuple(rows), mismatch=pair.mismatch)
