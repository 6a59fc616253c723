"""Names of devices, the same for every framework: 'cuda:0', 'mps', 'tpu:0', 'cpu', and 'auto' for the best there is.

A GPU is 'cuda' whether NVIDIA or AMD made it, as in PyTorch. A framework's own names are understood: 'GPU:1' and
'/device:GPU:1' are 'cuda:1'. Without a number the first is meant.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from ganforge.errors import PluginError

AUTO = "auto"
_OTHER_WORDS = {"gpu": "cuda", "rocm": "cuda"}
_SINGLE = ("cpu", "mps")
"""Kinds whose first device has no number."""

D = TypeVar("D")


def common_name(name: str) -> str:
    """The common name of a device that a person or a framework names."""
    kind, _, index = re.sub("^/?(device:)?", "", name.lower()).partition(":")
    kind = _OTHER_WORDS.get(kind, kind)
    return kind if kind in _SINGLE and index in ("", "0") else f"{kind}:{index or 0}"


def kind_of(name: str) -> str:
    """The kind of a device without its number: 'cuda'."""
    return common_name(name).partition(":")[0]


def choose_device(asked: str, found: Mapping[str, D], framework: str) -> tuple[str, D]:
    """The common name of a device, and what the framework has for it.

    Args:
        asked: a device's name, or 'auto'.
        found: the devices that the framework sees, by their common names, the best first.
        framework: its name, for the error.

    Raises:
        PluginError: it sees no such device.
    """
    name = next(iter(found)) if asked == AUTO else common_name(asked)
    if name not in found:
        raise PluginError(f"{framework} has no device {asked!r} on this machine; it has {', '.join(found)}, and {AUTO}")
    return name, found[name]
