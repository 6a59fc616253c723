"""What can go wrong at a user's hand: errors that say what, where and what to do.

Every error that a person can cause derives from `GanforgeError`; the command line prints its message alone and exits
with 1. Anything else that escapes is a bug and keeps its traceback.
"""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 4000
"""Characters of a message; more than a screen, so that no list of reasons loses anything."""
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of characters; not the end of a line, not a tab."""


STRICT = "GANFORGE_STRICT"
"""The variable that asks for the first error of a plugin, with its traceback."""


def strict() -> bool:
    """Whether GANFORGE_STRICT=1."""
    return os.environ.get(STRICT) == "1"


class GanforgeError(Exception):
    """An error in what ganforge was given; its message is meant for the user.

    What is quoted in it may come from a file that somebody else made: as text it always fits a terminal.
    """

    def __str__(self) -> str:
        """The message, without what would not be shown or would steer the terminal; of a very long one the two ends."""
        text = printable(super().__str__())
        half = _LONGEST // 2
        return text if len(text) <= _LONGEST else f"{text[:half]} [...] {text[-half:]}"


class SpecError(GanforgeError):
    """A network that cannot be built: shapes that do not fit, a size that it cannot make."""


class RecipeError(GanforgeError):
    """A recipe that cannot be read: unknown key, wrong type, impossible value."""


class DataError(GanforgeError):
    """Images or labels that cannot be read, or are not there."""


class PluginError(GanforgeError):
    """A plugin, backend, data set, architecture or loss that is missing, broken or doubled."""


class RunError(GanforgeError):
    """A run's folder or checkpoint that is missing, damaged, or of another recipe."""


class WriteError(RunError):
    """A file that cannot be written: the disk is full, or the folder read-only."""


class BenchError(GanforgeError):
    """A speed that is not told, since what was computed is wrong."""


class OutOfMemoryError(GanforgeError):
    """More memory is asked for than a device has."""

    def __init__(self, message: str, *, total: int | None = None) -> None:
        """total: bytes that the device has in all, where that is known."""
        super().__init__(message)
        self.total = total


class EvaluationError(GanforgeError):
    """Images or features that cannot be measured: too few, all the same, not finite; an extractor that is broken."""


class StateError(GanforgeError):
    """A state whose arrays are not those of the networks: missing, extra or misshapen."""


def printable(text: str) -> str:
    """Text without what no terminal shows, or what would steer it."""
    return _UNPRINTABLE.sub("\ufffd", text)


def near_names(wrong: str, known: Iterable[str]) -> str:
    """End of a sentence for a misspelt name: the near names, or the first dozen of all where none is near."""
    names = sorted(known)
    near = get_close_matches(wrong, names, n=3, cutoff=0.55)
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near)}?"
    return f"known: {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}" if names else "none is known"
