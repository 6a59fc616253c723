"""The option --device, for commands that compute."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_NAMES = "auto|cpu|cuda|cuda:1|mps"


def device_option(what: str, default: str = "auto, the best available") -> Callable[[F], F]:
    """The option, None if not given; its help begins with `what`."""
    return click.option("--device", metavar=_NAMES, help=f"{what} [default: {default}]")
