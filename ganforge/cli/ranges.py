"""A parameter type for lists of whole numbers, as 0-63 or 3,8,21."""

import re

import click


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
            if last < first or last - first >= 1_000_000:
                self.fail(f"{part!r} must go upwards and hold at most a million numbers", param, ctx)
            numbers += range(first, last + 1)
        return numbers


RANGES = Ranges()
