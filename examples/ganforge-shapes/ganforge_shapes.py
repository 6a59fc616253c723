"""Drawn shapes: circles, squares and triangles of any colour, place and size, labelled, in any number."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from PIL import Image, ImageDraw

from ganforge import hookimpl
from ganforge.data import DatasetEntry, Pixels
from ganforge.errors import DataError

SHAPES = {"circle": 60, "square": 4, "triangle": 3}
"""Corners of each class's polygon."""

_FINER = 4  # drawn so many times larger and reduced, for smooth edges


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the data set shapes."""

    count: Annotated[int, msgspec.Meta(ge=1)] = 3000
    size: Annotated[int, msgspec.Meta(ge=8, le=512)] = 32
    """Height and width in pixels."""
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """The images, drawn when asked for; image i is the same however many there are."""

    options: Options

    @property
    def fingerprint(self) -> str:
        """The options; the number in front goes up when the drawing changes."""
        return f"shapes 1 {self.options}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """'circle', 'square', 'triangle'."""
        return tuple(SHAPES)

    def __len__(self) -> int:
        return self.options.count

    def label(self, index: int) -> int:
        """The classes in turn."""
        return index % len(SHAPES)

    def where(self, index: int) -> str:
        """Its number and seed."""
        return f"shape {index} of seed {self.options.seed}"

    def read(self, index: int) -> Pixels:
        """Image `index`: uint8 (size, size, 3)."""
        draw = np.random.default_rng([self.options.seed, index])
        side = self.options.size * _FINER
        radius = side * draw.uniform(0.2, 0.4)
        x, y = draw.uniform(radius, side - radius, 2)
        hue, turn = draw.integers(0, 256), draw.uniform(0, 360)
        corners = SHAPES[self.class_names[self.label(index)]]
        sheet = Image.new("HSV", (side, side), (0, 0, 16))
        ImageDraw.Draw(sheet).regular_polygon((x, y, radius), corners, turn, fill=(int(hue), 200, 255))
        return np.asarray(sheet.convert("RGB").reduce(_FINER))


def open_shapes(path: Path | None, options: Options) -> Shapes:
    """The shapes; they are drawn, so a path is refused.

    Raises:
        DataError: a path was given.
    """
    if path is not None:
        raise DataError(f"shapes draws its images and does not read {path}: leave --data out")
    return Shapes(options=options)


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="shapes",
        summary="drawn circles, squares and triangles, colour, 32x32 or as wanted, in any number",
        license="CC0 1.0",
        source="drawn by this package",
        open=open_shapes,
        options=Options,
        needs_path=False,
    )
