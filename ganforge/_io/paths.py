"""Paths as a person writes them."""

from os import PathLike
from pathlib import Path


def expanded(path: str | PathLike[str]) -> Path:
    """A path as a person writes it, `~` being the home folder; one of a user who is not known stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
