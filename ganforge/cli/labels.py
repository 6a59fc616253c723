"""The option --labels: classes by name, as frog,ship, or by number, as 0-9."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ganforge.cli.parameter_types import RANGES
from ganforge.errors import GanforgeError, near_names

F = TypeVar("F", bound=Callable[..., Any])


def labels_option(what: str) -> Callable[[F], F]:
    """The option, as text or None; its help begins with `what`."""
    return click.option("--labels", metavar="CLASSES", help=f"{what}, by name or number, e.g. frog,ship or 0-9.")


def chosen(text: str | None, class_names: Sequence[str], recipe: str) -> list[int] | None:
    """The numbers of the classes that the option names, in its order; None if it was not given.

    If a class is named by a number, the name takes precedence.

    Raises:
        GanforgeError: there is no such class, or the recipe has none.
    """
    if text is None:
        return None
    if not class_names:
        raise GanforgeError(f"recipe {recipe!r} is not conditional: it cannot be asked for labels")
    numbers: list[int] = []
    for part in text.split(","):
        if (name := part.strip()) in class_names:
            numbers.append(class_names.index(name))
        elif name[:1].isdigit():
            numbers += _in_range(RANGES.convert(name, None, None), class_names)
        else:
            raise GanforgeError(f"there is no class {name!r}; {near_names(name, class_names)}")
    return numbers


def _in_range(numbers: list[int], class_names: Sequence[str]) -> list[int]:
    wrong = next((number for number in numbers if number >= len(class_names)), None)
    if wrong is not None:
        raise GanforgeError(f"there is no label {wrong}; labels are 0 to {len(class_names) - 1}")
    return numbers
