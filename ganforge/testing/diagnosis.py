"""Who is wrong, and why: a backend against the reference, then against the reference with each known trap in it."""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import tee
from typing import TypeAlias

from ganforge.backend.agreement import agreement
from ganforge.backend.contract import BackendEntry, Precision, StepInputs
from ganforge.backend.observations import Seen, observe
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan
from ganforge.testing.plugin import REFERENCE
from ganforge.testing.traps import TRAPS, Trap, trapped

_STEPS = 2
"""A trap in an optimizer or in a running value shows after one step, one in what those feed after the next."""

Sides: TypeAlias = tuple[Seen, ...]
"""What a backend computed; in float32 also what it computed in float64."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with a backend."""

    backend: str
    first: str = ""
    """The first thing that differs from the reference; empty: nothing does."""
    traps: tuple[Trap, ...] = ()
    """Those that give the backend's numbers from beginning to end. Several where this GAN cannot tell them apart."""
    partly: tuple[Trap, ...] = ()
    """If no trap explains everything: those that explain the first difference."""

    @property
    def agrees(self) -> bool:
        """Whether the backend is right."""
        return not self.first

    def __str__(self) -> str:
        """What a person is told: who is wrong, where first, and the likely reasons."""
        if self.agrees:
            return f"{self.backend} agrees with the NumPy reference"
        head = f"{self.backend} differs from the NumPy reference, first in {self.first}"
        found = self.traps or self.partly
        note = "" if self.traps or not found else " (which explains the beginning, not all)"
        return (
            "\n".join([head, *(f"  {trap}{note}" for trap in found)]) if found else f"{head}; no known trap gives this"
        )


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One GAN from one state, on which backends are examined; what the reference computes is kept."""

    gan: Gan
    inputs: Callable[[int], StepInputs]
    state: State
    precision: Precision
    _kept: dict[str, Iterator[Sides]] = field(default_factory=dict)

    def diagnose(self, entry: BackendEntry, device: str = "cpu") -> Diagnosis:
        """Hold a backend against the reference, and if it differs against every trap."""
        found = list(zip(*self._observe(entry, device), strict=True))
        wrong = _first_apart(found, self._expected(REFERENCE))
        if wrong is None:
            return Diagnosis(backend=entry.name)
        # Traces show layers without fast forms. If all are right, a trap may still be in a fast form.
        traced = sum(each.traced for each, *_ in found)
        start = traced if wrong >= traced else 0
        traps: list[Trap] = []
        partly: list[Trap] = []
        for trap in TRAPS:
            parting = _first_apart(found, self._expected(trapped(trap)), start)
            if parting is None:
                traps.append(trap)
            elif parting > wrong:
                partly.append(trap)
        return Diagnosis(
            backend=entry.name,
            first=f"{found[wrong][0].row}: {found[wrong][0].name}",
            traps=tuple(traps),
            partly=() if traps else tuple(partly),
        )

    def _observe(self, entry: BackendEntry, device: str) -> list[Iterator[Seen]]:
        """What a backend computes; in float32, what it computes in float64 of the same inputs beside that."""
        state = {name: each.astype(self.precision) for name, each in self.state.items()}
        precisions: list[Precision] = ["float32", "float64"] if self.precision == "float32" else [self.precision]
        sessions = [entry.open(self.gan, state, precision, device) for precision in precisions]
        return [observe(session, self.gan, self.inputs, self.precision, steps=_STEPS) for session in sessions]

    def _expected(self, entry: BackendEntry) -> Iterator[Sides]:
        """What a form of the reference computes; computed once, and only as far as somebody read."""
        if entry.name not in self._kept:
            (self._kept[entry.name],) = tee(zip(*self._observe(entry, "cpu"), strict=True), 1)
        return copy(self._kept[entry.name])


def diagnose(
    gan: Gan,
    entries: Sequence[BackendEntry],
    *,
    inputs: Callable[[int], StepInputs],
    state: State,
    precision: Precision = "float64",
    device: str = "cpu",
) -> tuple[Diagnosis, ...]:
    """Which of the backends disagree with the NumPy reference, and which known trap gives their numbers.

    Raises:
        PluginError: autograd is not installed.
    """
    bench = Bench(gan=gan, inputs=inputs, state=state, precision=precision)
    return tuple(bench.diagnose(entry, device) for entry in entries)


def _first_apart(found: Sequence[Sides], expected: Iterator[Sides], start: int = 0) -> int | None:
    """Number of the first observation, from `start` on, that differs too much."""
    couples = enumerate(zip(expected, found, strict=True))
    return next((place for place, (x, y) in couples if place >= start and _apart(x, y)), None)


def _apart(expected: Sides, found: Sides) -> bool:
    both = agreement(expected[0], found[0], *expected[1:], *found[1:])
    if both.further is None:
        return both.share > 1.0
    # Derivatives may meet rounding at other places, and who rounds less than the reference does nothing wrong.
    return both.share > 1.0 and both.further == 1 and not found[0].derived
