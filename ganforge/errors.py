"""What can go wrong at a user's hand: errors that say what, where and what to do.

Every error that a person can cause derives from `GanforgeError`; the command line prints its message alone and exits
with 1. Anything else that escapes is a bug and keeps its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GanforgeError(Exception):
    """An error in what ganforge was given; its message is meant for the user."""


class SpecError(GanforgeError):
    """A network that cannot be built: shapes that do not fit, a size that it cannot make."""


class RecipeError(GanforgeError):
    """A recipe that cannot be read: unknown key, wrong type, impossible value."""


class DataError(GanforgeError):
    """Pictures or labels that cannot be read, or are not there."""


class PluginError(GanforgeError):
    """A plugin, backend, data set, architecture or loss that is missing, broken or doubled."""


class RunError(GanforgeError):
    """A run's folder or checkpoint that is missing, damaged, or of another recipe."""


class StateError(GanforgeError):
    """A state whose arrays are not those of the networks: missing, extra or misshapen."""


def near_names(wrong: str, known: Iterable[str]) -> str:
    """End of a sentence for a misspelt name: the near names, or the first dozen of all where none is near."""
    names = sorted(known)
    near = get_close_matches(wrong, names, n=3, cutoff=0.55)
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near)}?"
    return f"known: {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}" if names else "none is known"
