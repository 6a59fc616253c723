"""The option of every command that takes a recipe or a data set: `--set KEY.PATH=VALUE`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def set_option(what: str) -> Callable[[F], F]:
    """The option, repeatable, which the command receives as `assignments`; `what` is its help."""
    return click.option("--set", "assignments", multiple=True, metavar="KEY.PATH=VALUE", help=what)
