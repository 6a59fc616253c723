"""Channels in groups of equal size."""

from ganforge.errors import SpecError
from ganforge.spec.layers.contract import Place


def check_groups(place: Place, groups: int, channels: int, what: str) -> None:
    """Check that channels fall into groups of equal size.

    Raises:
        SpecError: they do not.
    """
    if channels % groups:
        fit = [each for each in range(1, channels + 1) if channels % each == 0]
        raise SpecError(
            f"layer {place.name}: {channels} {what} do not fall into {groups} groups of equal size; "
            f"groups may be {', '.join(map(str, fit))}"
        )
