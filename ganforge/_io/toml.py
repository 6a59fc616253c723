"""TOML, within bounds."""

import re
import tomllib
from typing import Any

DEEPEST = 40
"""Levels of tables and lists: twenty residual blocks, each in the one before."""

_PART = r"""(?: [\w-]++ | "(?:[^"\\\n]|\\.)*+" | '[^'\n]*+' )"""
_DOTTED = re.compile(rf"(?<![\w-]) (?: {_PART} [ \t]*+ \. [ \t]*+ ){{{DEEPEST}}}", re.VERBOSE)
"""A dotted key of too many parts."""


def read_toml(text: str) -> dict[str, Any]:
    """TOML as plain data.

    Raises:
        ValueError: invalid TOML, or nested too deeply.
    """
    if _DOTTED.search(text):  # for n of them tomllib takes memory and time that grow with the square of n
        raise ValueError(f"a key of more than {DEEPEST} parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
