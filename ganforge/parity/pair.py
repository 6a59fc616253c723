"""Two open sessions and the parts of the parity contract, each begun from the same state in both."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import TypeAlias

from ganforge.backend.contract import BackendEntry, Precision, Session, StepInputs
from ganforge.backend.observations import TOLERANCES, Seen, difference, free_run, observe, observe_state
from ganforge.parity.nondifferentiable import undecided
from ganforge.parity.report import Location, Mismatch, Row
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan

Inputs: TypeAlias = Callable[[int], StepInputs]
"""What step k, counted from 0, is fed."""

_REMEMBERED = 5
"""Steps of a free run that are searched for the cause when the runs part: all that float32 is held to."""


class Pair:
    """Two backends, opened on one GAN from one state."""

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
        self.mismatch: Mismatch | None = None
        self._gan, self._inputs, self._precision = gan, inputs, precision
        self._names = a.name, b.name
        self._a: Session = a.open(gan, state, precision, device)
        self._b: Session = b.open(gan, state, precision, device)
        # Rounded once, so that both begin with the same bits.
        self._begin = self._a.state()
        self._past: deque[tuple[int, State]] = deque(maxlen=_REMEMBERED)

    def one_step(self) -> Iterator[Row]:
        """Outputs, gradients, and everything after one step."""
        self._reset()
        self._past.append((0, self._begin))
        seen = (observe(session, self._gan, self._inputs, self._precision, steps=1) for session in (self._a, self._b))
        for what, couples in groupby(zip(*seen, strict=True), key=lambda couple: couple[0].row):
            yield self._row(what, couples)

    def free(self, steps: int) -> Iterator[Row]:
        """Both on their own, and each going on from where the other was half way."""
        self._reset()
        horizon, tolerance = free_run(self._precision, steps)
        count = min(steps, horizon)
        half = max(1, count // 2)
        middle: list[State] = []

        def run() -> Iterator[tuple[Seen, Seen]]:
            for number in range(count):
                self._step(number)
                if number + 1 == half:
                    middle[:] = self._a.state(), self._b.state()
                yield from self._states(number + 1, tolerance)

        row = self._row(f"free run, {_steps(count)}", run())
        yield row
        if steps > horizon:
            note = f"not defined beyond {horizon} steps in {self._precision}: rounding grows as large as a step"
            yield Row(what=f"free run, {_steps(steps)}", difference=0.0, tolerance=None, note=note)
        if self._precision == "float64" and count >= 2 and row.verdict == "holds":
            ends = self._a.state(), self._b.state()
            for one, other in ((0, 1), (1, 0)):
                yield self._gone_on(one, other, middle[one], ends[one], half, count, tolerance)

    def _gone_on(self, one: int, other: int, middle: State, end: State, half: int, count: int, tolerance: float) -> Row:
        session = (self._a, self._b)[other]
        session.load_state(middle)
        for number in range(half, count):
            session.step(self._inputs(number))
        expected = observe_state(end, self._gan, count, tolerance)
        couples = zip(expected, observe_state(session.state(), self._gan, count, tolerance), strict=True)
        what = f"{_steps(half)} in {self._names[one]}, {count - half} more in {self._names[other]}"
        return self._row(what, couples if one == 0 else ((y, x) for x, y in couples))

    def locked(self, steps: int) -> Row:
        """Every step from the same state, for as many steps as wanted."""
        self._reset()

        def run() -> Iterator[tuple[Seen, Seen]]:
            for number in range(steps):
                self._b.load_state(self._a.state())
                self._past.clear()
                self._step(number)
                yield from self._states(number + 1, TOLERANCES[self._precision].lock_step)

        return self._row(f"lock-step, {_steps(steps)}", run(), steps=steps)

    def there_and_back(self) -> Row:
        """The state of `a` into `b` and back, bit for bit; after a step, so that there are moments."""
        self._reset()
        self._a.step(self._inputs(0))
        before = self._a.state()
        self._b.load_state(before)
        self._a.load_state(self._begin)
        self._a.load_state(self._b.state())
        expected, found = (observe_state(state, self._gan, 1, 0.0) for state in (before, self._a.state()))
        what = f"state {self._names[0]} -> {self._names[1]} -> {self._names[0]}"
        return self._row(what, zip(expected, found, strict=True), excused=False)

    def _reset(self) -> None:
        self._a.load_state(self._begin)
        self._b.load_state(self._begin)
        self._past.clear()

    def _step(self, number: int) -> None:
        self._past.append((number, self._a.state()))
        fed = self._inputs(number)
        self._a.step(fed)
        self._b.step(fed)

    def _states(self, step: int, tolerance: float) -> Iterable[tuple[Seen, Seen]]:
        states = (observe_state(session.state(), self._gan, step, tolerance) for session in (self._a, self._b))
        return zip(*states, strict=True)

    def _row(self, what: str, couples: Iterable[tuple[Seen, Seen]], *, steps: int = 0, excused: bool = True) -> Row:
        """Reads `couples` up to the first that differs too much, and not because of a kink.

        steps: of a run in which each step stands for itself, so that one which a kink parts can be left out.
        """
        largest, where, tolerance = 0.0, None, 0.0
        parted: set[int] = set()
        for x, y in couples:
            if x.step in parted:
                continue
            found, index = difference(x, y)
            tolerance = x.tolerance
            here = Location(array=x.name, step=x.step, index=index)
            if found > tolerance:
                # Once something else differs, what follows needs no other reason.
                count = self._undecided() if excused and x.derived and self.mismatch is None else 0
                if not count:
                    self.mismatch = self.mismatch or Mismatch(place=here, a=x.value, b=y.value)
                    return Row(what=what, difference=found, tolerance=tolerance, where=here)
                if not steps:
                    note = f"{count} inputs of ReLUs are so near to 0 that rounding decides on their derivative"
                    return Row(what=what, difference=found, tolerance=None, where=here, note=note)
                parted.add(x.step)
            elif found > largest or where is None:
                largest, where = found, here
        note = f"but for {len(parted)}, in which rounding decides on the derivatives of ReLUs" if parted else ""
        enough = tolerance if 2 * len(parted) <= steps else None
        return Row(what=what, difference=largest, tolerance=enough, where=where, note=note)

    def _undecided(self) -> int:
        """Inputs of ReLUs that rounding decides on, in the steps remembered, each from the same state in both."""
        now = self._a.state(), self._b.state()
        count, after = 0, now[0]
        for number, before in reversed(self._past):
            count += undecided(self._a, self._b, self._gan, self._inputs(number), before, after)
            after = before
        self._a.load_state(now[0])
        self._b.load_state(now[1])
        return count


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"
