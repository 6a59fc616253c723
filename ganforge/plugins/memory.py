"""The data set `memory`, images that a Python program hands over, as a plugin."""

from collections.abc import Iterable

from ganforge.data.contract import DatasetEntry
from ganforge.data.memory import MEMORY
from ganforge.plugins.markers import hookimpl


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """Images that a Python program hands over."""
    return (MEMORY,)
