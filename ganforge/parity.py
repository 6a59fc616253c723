"""Two backends side by side: the first thing that differs, or the proof that nothing does.

In float64 two correct backends agree to rounding for hundreds of steps, so whatever differs more is a bug that can be
found. docs/parity.md says what each row means; `diagnose` asks the NumPy reference who is wrong, and why.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ganforge.backend import BackendEntry, Precision, Session, StepInputs
from ganforge.gan import Gan
from ganforge.observing import TOLERANCES, Seen, difference, free_run, observe, observe_state
from ganforge.parameters import Array, State

if TYPE_CHECKING:
    from ganforge.testing.diagnosis import Diagnosis

Inputs: TypeAlias = Callable[[int], StepInputs]
"""What step k, counted from 0, is fed."""
Verdict: TypeAlias = Literal["holds", "differs", "not defined"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where two backends differ: first, or most where they agree."""

    array: str
    """A layer's or an array's name."""
    step: int
    """Steps done; 0: before the first."""
    index: tuple[int, ...]
    """Of the element that differs most."""

    def __str__(self) -> str:
        """As a person says it."""
        step = f", step {self.step}" if self.step else ""
        return f"{self.array}{list(self.index) if self.index else ''}{step}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that was compared."""

    what: str
    difference: float
    """The largest, relative to the largest number of its array; see docs/parity.md. Infinite: shapes differ, or NaN."""
    tolerance: float | None
    """None: beyond the horizon to which the numbers are determined."""
    where: Place | None = None
    """The first that differs too much; the largest difference where none does."""
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether the contract holds here."""
        if self.tolerance is None:
            return "not defined"
        return "holds" if self.difference <= self.tolerance else "differs"


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """The two arrays behind the first row that differs."""

    place: Place
    a: Array
    b: Array


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came out of a comparison."""

    a: str
    b: str
    precision: Precision
    rows: tuple[Row, ...]
    mismatch: Mismatch | None = None

    @property
    def ok(self) -> bool:
        """Whether every row that is defined holds."""
        return self.first is None

    @property
    def first(self) -> Row | None:
        """The first row that differs: what is computed first is listed first."""
        return next((row for row in self.rows if row.verdict == "differs"), None)

    def as_data(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON knows it; an infinite difference is null."""
        return {
            "backends": [self.a, self.b],
            "precision": self.precision,
            "ok": self.ok,
            "rows": [
                {
                    "what": row.what,
                    "difference": row.difference if np.isfinite(row.difference) else None,
                    "tolerance": row.tolerance,
                    "verdict": row.verdict,
                    "array": row.where.array if row.where else None,
                    "step": row.where.step if row.where else None,
                    "index": list(row.where.index) if row.where else None,
                    "note": row.note,
                }
                for row in self.rows
            ],
        }


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
    pair = _Pair(gan, a, b, inputs, state, precision, device)
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


class _Pair:
    """Two open sessions; each part of the contract begins by loading the same state into both."""

    def __init__(
        self,
        gan: Gan,
        a: BackendEntry,
        b: BackendEntry,
        inputs: Inputs,
        state: State,
        precision: Precision,
        device: str,
    ) -> None:
        self.gan, self.inputs, self.precision = gan, inputs, precision
        self.names = a.name, b.name
        self.a: Session = a.open(gan, state, precision, device)
        self.b: Session = b.open(gan, state, precision, device)
        # Rounded once, so that both begin with the same bits.
        self.begin = self.a.state()
        self.tolerances = TOLERANCES[precision]
        self.mismatch: Mismatch | None = None

    def one_step(self) -> Iterator[Row]:
        """Outputs, gradients, and everything after one step."""
        self._reset()
        seen = (observe(session, self.gan, self.inputs, self.precision, steps=1) for session in (self.a, self.b))
        for what, couples in groupby(zip(*seen, strict=True), key=lambda couple: couple[0].row):
            yield self._row(what, couples)

    def free(self, steps: int) -> Iterator[Row]:
        """Both on their own, and each going on from where the other was half way."""
        self._reset()
        horizon, tolerance = free_run(self.precision, steps)
        count = min(steps, horizon)
        half = max(1, count // 2)
        middle: dict[int, State] = {}

        def run() -> Iterator[tuple[Seen, Seen]]:
            for number in range(count):
                self._step(number)
                if number + 1 == half:
                    middle.update({0: self.a.state(), 1: self.b.state()})
                yield from self._states(number + 1, tolerance)

        row = self._row(f"free run, {count} steps", run())
        yield row
        if steps > horizon:
            yield Row(
                what=f"free run, {steps} steps",
                difference=0.0,
                tolerance=None,
                note=f"not defined beyond {horizon} steps in {self.precision}: rounding grows as large as a step",
            )
        if self.precision == "float64" and count >= 2 and row.verdict == "holds":
            ends = self.a.state(), self.b.state()
            for one, other in ((0, 1), (1, 0)):
                yield self._gone_on(one, other, middle[one], ends[one], half, count, tolerance)

    def _gone_on(self, one: int, other: int, middle: State, end: State, half: int, count: int, tolerance: float) -> Row:
        session = (self.a, self.b)[other]
        session.load_state(middle)
        for number in range(half, count):
            session.step(self.inputs(number))
        expected = observe_state(end, self.gan, count, tolerance)
        couples = zip(expected, observe_state(session.state(), self.gan, count, tolerance), strict=True)
        what = f"{half} steps in {self.names[one]}, {count - half} more in {self.names[other]}"
        return self._row(what, couples if one == 0 else ((y, x) for x, y in couples))

    def locked(self, steps: int) -> Row:
        """Every step from the same state: for as many steps as wanted."""
        self._reset()

        def run() -> Iterator[tuple[Seen, Seen]]:
            for number in range(steps):
                self.b.load_state(self.a.state())
                self._step(number)
                yield from self._states(number + 1, self.tolerances.lock_step)

        return self._row(f"lock-step, {steps} steps", run())

    def there_and_back(self) -> Row:
        """The state of `a` into `b` and back, bit for bit; moments included, so after a step."""
        self._reset()
        self.a.step(self.inputs(0))
        before = self.a.state()
        self.b.load_state(before)
        self.a.load_state(self.begin)
        self.a.load_state(self.b.state())
        couples = zip(
            observe_state(before, self.gan, 1, 0.0), observe_state(self.a.state(), self.gan, 1, 0.0), strict=True
        )
        return self._row(f"state {self.names[0]} -> {self.names[1]} -> {self.names[0]}", couples)

    def _reset(self) -> None:
        self.a.load_state(self.begin)
        self.b.load_state(self.begin)

    def _step(self, number: int) -> None:
        fed = self.inputs(number)
        self.a.step(fed)
        self.b.step(fed)

    def _states(self, step: int, tolerance: float) -> Iterable[tuple[Seen, Seen]]:
        states = (observe_state(session.state(), self.gan, step, tolerance) for session in (self.a, self.b))
        return zip(*states, strict=True)

    def _row(self, what: str, couples: Iterable[tuple[Seen, Seen]]) -> Row:
        """Reads `couples` up to the first that differs too much."""
        largest, where, tolerance = 0.0, None, 0.0
        for x, y in couples:
            found, index = difference(x, y)
            tolerance = x.tolerance
            if found > largest or where is None:
                largest, where = found, Place(array=x.name, step=x.step, index=index)
            if found > tolerance:
                where = Place(array=x.name, step=x.step, index=index)
                self.mismatch = self.mismatch or Mismatch(place=where, a=x.value, b=y.value)
                return Row(what=what, difference=found, tolerance=tolerance, where=where)
        return Row(what=what, difference=largest, tolerance=tolerance, where=where)
