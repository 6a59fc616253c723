"""A look at images that come without a recipe: what they are, and what to train on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ganforge._io.words import counted
from ganforge.data.contract import DatasetEntry, ImageSet
from ganforge.data.preparing import image_channels
from ganforge.errors import DataError, GanforgeError
from ganforge.plugins.host import Host
from ganforge.recipes.laying import override
from ganforge.recipes.parsing import parse
from ganforge.recipes.schema import Recipe, Table
from ganforge.training.data_sets import open_data
from ganforge.training.parts import find_data_set

RECIPE = "dcgan"
SIZES = (64, 48, 32, 28, 24, 16, 8)
"""Sides to train at. A larger one has to be asked for: its cost grows with its area."""
_SEEN = 50
"""Images whose size is looked at, spread over the set."""
FOLDER = "folder"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What images are, and the recipe for them."""

    dataset: str
    images: int
    heights: tuple[int, int]
    """The least and the greatest of those looked at."""
    widths: tuple[int, int]
    channels: int
    class_names: tuple[str, ...]
    table: Table
    """Of a recipe that extends `RECIPE`."""

    def told(self, recipe: Recipe) -> str:
        """Two lines: what was found, and what is trained.

        recipe: `table` with the caller's overrides.
        """
        color = "grey" if self.channels == 1 else "color"
        names = ", ".join(self.class_names[:6]) + (", ..." if len(self.class_names) > 6 else "")
        classes = f"; {len(self.class_names)} classes: {names}" if self.class_names else "; no classes"
        how = "each class on request" if recipe.conditional else "without classes"
        height, width = recipe.size
        other = 64 if height == width == 32 else 32
        sides = f"{_span(self.heights)} pixels high and {_span(self.widths)} wide"
        return (
            f"found {counted(self.images, f'{color} image')}, {sides}{classes}\n"
            f"training {RECIPE} at {height}x{width}, {how}; for another size --set image_size={other}, "
            "for a narrower and faster network --set architecture.width=32"
        )


def open_at(path: str | Path, dataset: str | None, overrides: Mapping[str, Any], host: Host) -> ImageSet:
    """The images at `path`.

    Args:
        path: a folder, or what else the data set reads.
        dataset: the data set that reads it; by default the folder's.
        overrides: of the recipe; those of `data` count.
        host: gives the data set.

    Raises:
        DataError: there is no image.
    """
    given = override({"name": "look", "data": {"set": dataset or FOLDER, "path": str(path)}}, overrides)
    recipe = parse({"name": "look", "data": given["data"]})
    return open_data(recipe, find_data_set(recipe, host))


def look(image_set: ImageSet, dataset: str) -> Found:
    """Look at images and choose what to train on them.

    dataset: name of the data set that they come from.

    Raises:
        DataError: there is no image that can be read.
    """
    sizes = _sizes(image_set)
    side = median(min(size) for size in sizes)
    classes = tuple(image_set.class_names) if len(image_set.class_names) > 1 else ()
    table: Table = {
        "extends": RECIPE,
        "name": RECIPE,
        "image_size": next((each for each in SIZES if each <= side), SIZES[-1]),
        "conditional": bool(classes),
    }
    if len(image_set) < 128:  # the recipe's batch
        table["training.batch_size"] = max(1, len(image_set) // 2)
    heights, widths = zip(*sizes, strict=True)
    return Found(
        dataset=dataset,
        images=len(image_set),
        heights=(min(heights), max(heights)),
        widths=(min(widths), max(widths)),
        channels=image_channels(image_set),
        class_names=classes,
        table=table,
    )


def fitting_data_sets(path: str, host: Host, but: str) -> list[str]:
    """The data sets, other than `but`, that can open what lies at `path`, the plainest first."""
    found = []
    for name, provided in sorted(host.entries("ganforge_datasets", DatasetEntry).items()):
        if name == but or not provided.entry.needs_path:
            continue
        try:
            recipe = parse({"name": "look", "data": {"set": name, "path": path}})
            if len(open_data(recipe, find_data_set(recipe, host))):
                found.append(name)
        except GanforgeError:
            continue
    return sorted(found, key=lambda name: name != FOLDER)


def _sizes(image_set: ImageSet) -> list[tuple[int, int]]:
    """(height, width) of some images, spread over the set; those that cannot be read are passed by."""
    count = len(image_set)
    found, reason = [], "it holds none"
    for index in dict.fromkeys(number * count // min(count, _SEEN) for number in range(min(count, _SEEN))):
        try:
            found.append(image_set.read(index).shape[:2])
        except DataError as error:
            reason = str(error)
    if not found:
        raise DataError(f"no image can be read: {reason}")
    return [(height, width) for height, width in found]


def _span(sides: tuple[int, int]) -> str:
    return str(sides[0]) if sides[0] == sides[1] else f"{sides[0]} to {sides[1]}"
