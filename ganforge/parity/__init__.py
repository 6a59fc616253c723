"""Two backends side by side: the first thing that differs, or the proof that nothing does.

In float64 two correct backends agree to rounding for hundreds of steps, so whatever differs more is a bug that can be
found. docs/parity.md says what each row means; `diagnose` asks the NumPy reference who is wrong, and why.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganforge.backend.contract import BackendEntry, Precision
from ganforge.parity.pair import Inputs, Pair
from ganforge.parity.report import Mismatch, Place, Report, Row, Verdict
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan

if TYPE_CHECKING:
    from ganforge.testing.diagnosis import Diagnosis

__all__ = ["Inputs", "Mismatch", "Place", "Report", "Row", "Verdict", "compare", "diagnose"]


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


def diagnose(
    gan: Gan,
    entries: Sequence[BackendEntry],
    *,
    inputs: Inputs,
    state: State,
    precision: Precision = "float64",
    device: str = "cpu",
) -> "tuple[Diagnosis, ...]":
    """Which of the backends disagree with the NumPy reference, and which known trap gives their numbers.

    Raises:
        PluginError: autograd is not installed.
    """
    from ganforge.testing.diagnosis import Bench

    bench = Bench(gan=gan, inputs=inputs, state=state, precision=precision)
    return tuple(bench.diagnose(entry, device) for entry in entries)
