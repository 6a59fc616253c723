"""A data set that keeps its contract, in a module that can be imported on its own, as check_dataset asks."""

from dataclasses import replace
from typing import Any

import numpy as np

from ganforge.data.contract import DatasetEntry


class Images:
    """Six images of one shade each, in two classes."""

    fingerprint = "two shades, first version"
    class_names: tuple[str, ...] = ("dark", "light")

    def __len__(self) -> int:
        return 6

    def label(self, index: int) -> int:
        return index % 2

    def where(self, index: int) -> str:
        return f"shade {index}"

    def read(self, index: int) -> np.ndarray:
        return np.full((4, 5, 3), 40 * index, np.uint8)


def data_set(kind: Any = Images, **changes: Any) -> DatasetEntry:
    plain = DatasetEntry(
        name="shades",
        summary="Six images of one shade each.",
        license="your own",
        source="this test",
        open=lambda path, options: kind(),
    )
    return replace(plain, **changes)
