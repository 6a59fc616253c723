"""Numbers of training that change as it goes on: rates, weights and decays over the steps of a run."""

from collections.abc import Callable, Mapping
from math import cos, pi
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from ganforge.spec.layers.contract import Count
from ganforge.spec.layers.initializers import Positive

Fraction: TypeAlias = Annotated[float, Meta(ge=0, lt=1)]
NotNegative: TypeAlias = Annotated[float, Meta(ge=0)]

_SHAPES: Mapping[str, Callable[[float], float]] = {
    "linear": lambda part: part,
    "cosine": lambda part: 0.5 - 0.5 * cos(pi * part),
}
"""By kind, how much of the way from start to end is done when a part of the steps is; both in [0, 1]."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number that goes from `start` to `end` and stays there.

    It counts the steps of the run, as `run.steps` does, whatever number of updates a step has. "cosine" is the first
    half of a cosine's wave: Loshchilov and Hutter 2017 (SGDR), eq. 5, without restarts.

    Raises:
        ValueError: it is 0 all the time.
    """

    kind: Literal["linear", "cosine"]
    start: NotNegative
    end: NotNegative
    steps: Count
    """From `start` to `end`, after the warm-up."""
    warmup: Annotated[int, Meta(ge=0)] = 0
    """Steps before, in which it rises in equal parts from 0 (not included) to `start`."""

    def __post_init__(self) -> None:
        if not self.start and not self.end:
            raise ValueError("a schedule's start and end are both 0; give one above 0")

    def at(self, done: int) -> float:
        """The number after `done` steps, in float64."""
        if done < self.warmup:
            return self.start * (done + 1) / (self.warmup + 1)
        part = (done - self.warmup) / self.steps
        return self.end if part >= 1 else self.start + (self.end - self.start) * _SHAPES[self.kind](part)

    def in_updates(self, updates: int) -> "Schedule":
        """The same over a network's updates, of which a step has so many: `at` then counts those."""
        return msgspec.structs.replace(self, steps=updates * self.steps, warmup=updates * self.warmup)


Rate: TypeAlias = Positive | Schedule
"""A learning rate or a weight."""
Decay: TypeAlias = Fraction | Schedule
"""A number in [0, 1)."""


def value_at(number: float | Schedule, done: int) -> float:
    """The number after `done` steps, or updates where its schedule counts those."""
    return number.at(done) if isinstance(number, Schedule) else number


def check_decay(name: str, number: float | Schedule) -> None:
    """Check that a schedule of a decay stays below 1.

    Raises:
        ValueError: it does not.
    """
    if isinstance(number, Schedule) and max(number.start, number.end) >= 1:
        raise ValueError(f"{name} must stay below 1; its schedule goes from {number.start:g} to {number.end:g}")
