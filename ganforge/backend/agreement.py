"""Whether two arrays that two sessions computed agree: within a fixed limit, or within the rounding that both show.

In float32 a fixed limit is wrong for every network but the one that it was found on: the wider and deeper a network,
the further any correct backend lies from the exact numbers. So there each backend also runs in float64, and its own
distance from that says how much rounding there is.
"""

from typing import NamedTuple

import numpy as np

from ganforge.backend.observations import NOTHING, Seen, difference, largest
from ganforge.spec.arrays import Array

FACTOR = 2.0
"""Two elements may lie this many times as far apart as their own distances from float64 together.

By the triangle inequality, 1 is enough where the two agree in float64.
"""
ROUNDING = 2.0**-24
"""The floor beneath that: half a unit in the last place of float32, relative to the array's largest number."""
RATIO = 16.0
"""How many times as far from its float64 one backend may lie as the other, in the mean over an array."""


class Agreement(NamedTuple):
    """How far two arrays differ, and how far they may."""

    difference: float
    limit: float
    at: tuple[int, ...]
    """Of the element that comes closest to its limit, or passes it."""
    further: int | None = None
    """The amounts of rounding are compared, not the numbers: which of the two lies further from its float64."""

    @property
    def share(self) -> float:
        """The difference as a share of the limit; above 1, the arrays disagree."""
        if self.difference == 0.0:
            return 0.0
        return self.difference / self.limit if self.limit else np.inf


def agreement(x: Seen, y: Seen, *exact: Seen) -> Agreement:
    """How two arrays agree.

    exact: none: they are held to their tolerance. Two: what the same backends computed in float64 of the same inputs.
    """
    found, index = difference(x, y)
    if not exact or x.value.size == 0 or x.floor <= NOTHING or not np.isfinite(found):
        return Agreement(found, x.tolerance, index)
    numbers, rounding = _numbers(x, y, *exact), _rounding(x, y, *exact)
    return rounding if numbers.share <= 1.0 < rounding.share else numbers


def _numbers(x: Seen, y: Seen, x64: Seen, y64: Seen) -> Agreement:
    """Element by element: apart by no more than what rounding does to both."""
    scale = max(largest(x.value), largest(y.value), x.floor)
    apart = np.abs(x.value.astype(np.float64) - y.value)
    limits = FACTOR * (np.abs(x.value - x64.value) + np.abs(y.value - y64.value)) + ROUNDING * scale
    index = tuple(int(place) for place in np.unravel_index(int((apart / limits).argmax()), apart.shape))
    return Agreement(float(apart[index]) / scale, float(limits[index]) / scale, index)


def _rounding(x: Seen, y: Seen, x64: Seen, y64: Seen) -> Agreement:
    """Over the array: neither is much further from its float64 than the other. This sees what float32 alone has."""
    length = max(_length(x64.value), _length(y64.value), x.floor * np.sqrt(x.value.size))
    errors = [np.abs(one.value - other.value) for one, other in ((x, x64), (y, y64))]
    lengths = [_length(each) for each in errors]
    further = int(lengths[1] > lengths[0])
    index = tuple(int(place) for place in np.unravel_index(int(errors[further].argmax()), x.value.shape))
    limit = max(x.tolerance, RATIO * min(lengths) / length)
    return Agreement(max(lengths) / length, limit, index, further=further)


def _length(x: Array) -> float:
    return float(np.linalg.norm(x.astype(np.float64).ravel()))
