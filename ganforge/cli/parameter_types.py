"""Parameter types: whole numbers (0-63 or 3,8,21), a span of two numbers (-3,3), a step or `best`."""

import re
from math import isfinite
from typing import Literal

import click

_MOST = 1_000_000


class Ranges(click.ParamType[list[int]]):
    """Whole numbers and ranges, separated by commas, in the order given."""

    name = "numbers"

    def convert(self, value: str | list[int], param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """`"0-2,7"` as `[0, 1, 2, 7]`."""
        if isinstance(value, list):
            return value
        numbers: list[int] = []
        for part in value.split(","):
            found = re.fullmatch(r"\s*(\d{1,15})(?:-(\d{1,15}))?\s*", part)
            if found is None:
                self.fail(f"{part!r} is neither a number nor a range such as 0-63", param, ctx)
            first, last = int(found[1]), int(found[2] or found[1])
            if last < first:
                self.fail(f"{part!r} must go upwards", param, ctx)
            if len(numbers) + last - first >= _MOST:
                self.fail(f"with {part!r} these are more than {_MOST:,} numbers", param, ctx)
            numbers += range(first, last + 1)
        return numbers


class Span(click.ParamType[tuple[float, float]]):
    """Two numbers, the first less than the second."""

    name = "low,high"

    def convert(
        self, value: str | tuple[float, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """`"-3,3"` as `(-3.0, 3.0)`."""
        if isinstance(value, tuple):
            return value
        try:
            low, high = map(float, value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not two numbers such as -3,3", param, ctx)
        if not (low < high and isfinite(high - low)):
            self.fail(f"{value!r} must go upwards, between finite numbers", param, ctx)
        return low, high


class StepOrBest(click.ParamType[int | Literal["best"]]):
    """A step, or the word best."""

    name = "step"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Literal["best"]:
        """`"500"` as `500`."""
        if isinstance(value, int):
            return value
        if value == "best":
            return "best"
        if not re.fullmatch(r"\d{1,15}", value):
            self.fail(f"{value!r} is neither the number of a step nor 'best'", param, ctx)
        return int(value)


RANGES, SPAN, STEP_OR_BEST = Ranges(), Span(), StepOrBest()
