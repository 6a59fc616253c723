"""Two open sessions and the parts of the parity contract, each begun from the same state in both."""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import groupby
from typing import TypeAlias

import numpy as np

from ganforge._io.words import counted
from ganforge.backend.agreement import Agreement, agreement
from ganforge.backend.contract import BackendEntry, Precision, Session, StepInputs
from ganforge.backend.observations import TOLERANCES, Seen, free_run, observe, observe_state
from ganforge.parity.nondifferentiable import Undecided, doubts, kinks
from ganforge.parity.report import Location, Mismatch, Row
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan

Inputs: TypeAlias = Callable[[int], StepInputs]
"""What step k, counted from 0, is fed."""

_REMEMBERED = 5
"""Steps of a free run that are searched for the cause when the runs part: all that float32 is held to."""
_MOST = 0.1
"""The most that derivatives which rounding decides on change an array by, in the mean over it."""
_SURE = 1e-3
"""A gradient whose rounding is a smaller share of it decides on a step of Adam's but for a hundredth."""
_TRIES = 5
"""Inputs of one step, at most, with which an array is compared until rounding does not decide on it."""

Sides: TypeAlias = tuple[Seen, ...]
"""What the two computed; in float32 also what each of them computed in float64."""
_Unit: TypeAlias = tuple[int, str]
"""What is left out as a whole: a step and an array's name, or no name where all arrays of the step are."""


class Pair:
    """Two backends, opened on one GAN from one state; in float32 each of them in float64 beside."""

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
        opened: list[Session] = [each.open(gan, state, precision, device) for each in (a, b)]
        if precision == "float32":
            opened += [each.open(gan, state, "float64", device) for each in (a, b)]
        self._sides = tuple(opened)
        self._a, self._b = opened[:2]
        # Rounded once, so that all begin with the same bits.
        self._begin = self._a.state()
        self._looked: Undecided | None = None
        self._past: deque[tuple[int, State]] = deque(maxlen=_REMEMBERED)

    def one_step(self) -> list[Row]:
        """Outputs, gradients, and everything after one step.

        Where rounding decides in float32, once more with the next inputs: it decides now on these arrays, now on
        those, but a fault is there every time. So an array that is left out with all other inputs differs with the
        last.
        """
        rows, always = self._one_step(0, set())
        for number in range(1, _TRIES):
            if self._precision == "float64" or not always or any(row.verdict == "differs" for row in rows):
                break
            rows, left_out = self._one_step(number, always if number == _TRIES - 1 else set())
            always &= left_out
        return rows

    def _one_step(self, first: int, strict: set[_Unit]) -> tuple[list[Row], set[_Unit]]:
        """The rows with the inputs of step `first`, and what they leave out, of which nothing is in `strict`."""
        self._reset()
        self._past.append((first, self._begin))

        def inputs(number: int) -> StepInputs:
            return self._inputs(first + number)

        seen = (observe(session, self._gan, inputs, self._precision, steps=1) for session in self._sides)
        left_out: set[_Unit] = set()
        grouped = groupby(zip(*seen, strict=True), key=lambda sides: sides[0].row)
        return [self._row(what, arrays, left_out=left_out, strict=strict) for what, arrays in grouped], left_out

    def free(self, steps: int) -> Iterator[Row]:
        """Both on their own, and each going on from where the other was half way."""
        self._reset()
        horizon, tolerance = free_run(self._precision, steps)
        count = min(steps, horizon)
        half = max(1, count // 2)
        middle: list[State] = []

        def run() -> Iterator[Sides]:
            for number in range(count):
                self._step(number, self._a.state())
                if number + 1 == half:
                    middle[:] = self._a.state(), self._b.state()
                yield from self._states(number + 1, tolerance)

        row = self._row(f"free run, {counted(count, 'step')}", run())
        yield row
        if steps > horizon:
            note = f"not defined beyond {horizon} steps in {self._precision}: rounding grows as large as a step"
            yield Row(what=f"free run, {counted(steps, 'step')}", difference=0.0, tolerance=None, note=note)
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
        what = f"{counted(half, 'step')} in {self._names[one]}, {count - half} more in {self._names[other]}"
        return self._row(what, couples if one == 0 else ((y, x) for x, y in couples))

    def locked(self, steps: int) -> Row:
        """Every step from the same state, for as many steps as wanted."""
        self._reset()

        def run() -> Iterator[Sides]:
            for number in range(steps):
                before = self._a.state()
                self._load(before, self._sides[1:])
                self._step(number, before)
                yield from self._states(number + 1, TOLERANCES[self._precision].lock_step)

        return self._row(f"lock-step, {counted(steps, 'step')}", run(), steps=steps)

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
        return self._row(what, zip(expected, found, strict=True))

    def _reset(self) -> None:
        self._load(self._begin, self._sides)

    def _load(self, state: State, sessions: Iterable[Session]) -> None:
        for session in sessions:
            session.load_state(state)
        self._past.clear()
        self._looked = None

    def _step(self, number: int, before: State) -> None:
        """before: the state of the first."""
        self._looked = None
        self._past.append((number, before))
        fed = self._inputs(number)
        for session in self._sides:
            session.step(fed)

    def _states(self, step: int, tolerance: float) -> Iterable[Sides]:
        states = (observe_state(session.state(), self._gan, step, tolerance) for session in self._sides)
        return zip(*states, strict=True)

    def _row(
        self,
        what: str,
        arrays: Iterable[Sides],
        *,
        steps: int = 0,
        left_out: set[_Unit] | None = None,
        strict: Container[_Unit] = (),
    ) -> Row:
        """Reads `arrays` up to the first that differs too much, and not because of a derivative rounding decides on.

        Of those that do because of one, float32 leaves some out, but no more than half.

        steps: of a run in which each step stands for itself, so that one which a kink parts is left out as a whole.
        left_out: is added what is left out. strict: what may not be.
        """
        worst, where = Agreement(0.0, 0.0, ()), None
        seen: set[_Unit] = set()
        out: set[_Unit] = set()
        for sides in arrays:
            x, y = sides[:2]
            unit = (x.step, "" if steps else x.name)
            seen.add(unit)
            if unit in out:
                continue
            found = agreement(*sides)
            if found.share > 1.0 and found.further is not None and x.step:
                found = agreement(*self._sure(sides))
            here = Location(array=x.name, step=x.step, index=found.at)
            if found.share <= 1.0:
                if found.share > worst.share or where is None:
                    worst, where = found, here
            elif unit not in strict and self._excusable(x, found) and self._look().derivatives:
                out.add(unit)
            else:
                self.mismatch = self.mismatch or Mismatch(place=here, a=x.value, b=y.value)
                note = "" if found.further is None else f"{here}: {self._names[found.further]} from its float64"
                return Row(what=what, difference=found.difference, tolerance=found.limit, where=here, note=note)
        if left_out is not None:
            left_out.update(out)
        few = 2 * len(out) <= len(seen) if steps or self._precision == "float32" else not out
        counted = f"{len(out)} of {len(seen)} {'steps' if steps else 'arrays'}"
        note = f"but for {counted}: rounding decides on derivatives" if out else ""
        return Row(
            what=what, difference=worst.difference, tolerance=worst.limit if few else None, where=where, note=note
        )

    def _excusable(self, x: Seen, found: Agreement) -> bool:
        """Whether derivatives that rounding decides on could explain it: in float32 its amounts, never numbers."""
        if self._precision == "float32":
            return x.derived and found.further is not None and found.difference <= _MOST
        return x.derived and bool(np.isfinite(found.difference))

    def _sure(self, sides: Sides) -> Sides:
        """Weights without the amounts of rounding where that decides on which way Adam moves them."""
        x, y, x64, y64 = sides
        doubt = self._look().doubts.get(x.name.replace("averaged/", "generator/", 1), np.array(0.0))
        x, y = (one._replace(value=np.where(doubt < _SURE, one.value, e.value)) for one, e in ((x, x64), (y, y64)))
        return x, y, x64, y64

    def _look(self) -> Undecided:
        """What rounding decides on in the steps remembered, each from the same state in all sessions."""
        if self._looked is None:
            now = [session.state() for session in self._sides]
            self._looked, after = Undecided(0, {}), now
            for number, before in reversed(self._past):
                self._looked = self._looked.joined(self._look_at(self._inputs(number), before, after))
                after = [before] * len(now)
            for session, state in zip(self._sides, now, strict=True):
                session.load_state(state)
        return self._looked

    def _look_at(self, fed: StepInputs, before: State, after: list[State]) -> Undecided:
        """after: of each session; of all but the last step that of the first."""
        if self._precision == "float64":
            return Undecided(kinks(self._a, self._b, self._gan, fed, before, after[0]), {})
        found = Undecided(0, {})
        for side, (session, exact) in enumerate(zip(self._sides[:2], self._sides[2:], strict=True)):
            count = kinks(session, exact, self._gan, fed, before, after[0])
            own = after[side], after[side + 2]
            found = found.joined(Undecided(count, doubts(session, exact, fed, before, own)))
        return found
