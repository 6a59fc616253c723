"""Where in other people's code an exception comes from, for errors of one line."""

import sys
from traceback import walk_tb

_PASSED_THROUGH = sys.stdlib_module_names | {"ganforge", "pluggy"}
"""Packages between a plugin and whoever calls it."""


def described(error: BaseException) -> str:
    """The exception's type and text, and the file and line of the plugin that raised it: `KeyError: 'x' (a.py:12)`."""
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # its own __str__ is broken too
        text = ""
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = origin(error)
    return f"{words} ({place})" if place else words


def origin(error: BaseException) -> str:
    """`file:line` where a plugin raised it, or called what raised it; empty where no plugin was called.

    That is the innermost frame of the first package that is neither ganforge's core nor the standard library.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    package = place = ""
    for frame, line in walk_tb(error.__traceback__):
        top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if top in _PASSED_THROUGH or package not in ("", top):
            continue
        package, place = top, f"{frame.f_code.co_filename}:{line}"
    return place
