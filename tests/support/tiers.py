"""Marks for cases that the fast tier leaves to `make test-all`."""

from collections.abc import Iterable
from typing import Any

import pytest


def slow(*values: Any, id: str | None = None) -> Any:
    """A case of the slow tier."""
    return pytest.param(*values, marks=pytest.mark.slow, id=id)


def few(every: Iterable[str], fast: Iterable[str]) -> list[Any]:
    """Cases by name, all but those of `fast` in the slow tier."""
    named, kept = list(every), set(fast)
    assert kept <= set(named), kept - set(named)
    return [name if name in kept else slow(name) for name in named]
