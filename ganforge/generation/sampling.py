"""Drawing a trained model's images for many seeds and labels: a grid, arrays, or a file for each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from PIL import Image

from ganforge._io.files import write_whole
from ganforge.errors import GanforgeError
from ganforge.generation.grids import grid, grid_size, save_image
from ganforge.generation.model import Model
from ganforge.spec.arrays import Images

_MOST = 1_000_000
_MOST_PIXELS = 100_000_000
"""Of a grid: what viewers still open."""
_TOGETHER = 256
"""Images that are drawn before they are written, where each has a file."""


@dataclass(frozen=True, kw_only=True)
class GridStyle:
    """How a grid looks."""

    caption: str = ""
    columns: int | None = None
    """None: with labels a column for each seed; else as many as classes, or about a square."""
    scale: int | None = None
    """Pixels on the side of one; None: so many that the shorter side has 48 pixels."""
    seeds: bool = False
    """Whether each image has its seed below it."""


PLAIN = GridStyle()


def crossed(model: Model, seeds: Sequence[int], labels: Sequence[int] | None) -> tuple[list[int], list[int] | None]:
    """The seed and the label of each image: every seed for every label, label by label.

    Without labels those that a conditional model takes by itself; None for an unconditional one.

    Raises:
        GanforgeError: too many images, or labels asked of an unconditional model.
    """
    classes = model.gan.classes
    if len(seeds) * len(labels or [0]) > _MOST:
        raise GanforgeError(f"{len(seeds) * len(labels or [0]):,} images at once are too many; {_MOST:,} at most")
    if labels is None:
        return list(seeds), [seed % classes for seed in seeds] if classes else None
    if not classes:
        raise GanforgeError(f"recipe {model.recipe.name!r} is not conditional: it cannot be asked for labels")
    return [seed for _ in labels for seed in seeds], [label for label in labels for _ in seeds]


def draw_grid(
    model: Model, seeds: Sequence[int], labels: Sequence[int] | None, style: GridStyle = PLAIN, *, exact: bool = False
) -> Image.Image:
    """A grid of every seed, for every label; with labels one row for each, its name beside it.

    Raises:
        GanforgeError: a grid larger than viewers open, no seed, or a label out of range.
    """
    all_seeds, all_labels = crossed(model, seeds, labels)
    columns = style.columns or (len(seeds) if labels else min(len(seeds), model.gan.classes or ceil(sqrt(len(seeds)))))
    rows = [model.recipe.class_names[label] for label in labels] if labels and columns == len(seeds) else []
    height, width, _ = model.gan.image_shape
    size = grid_size(len(all_seeds), (height, width), max(1, columns), scale=style.scale, named=style.seeds)
    if size[0] * size[1] > _MOST_PIXELS:
        raise GanforgeError(
            f"a grid of {len(all_seeds):,} images would have {size[0]:,} x {size[1]:,} pixels; draw fewer, or write "
            "them one by one (--out FOLDER) or as arrays (--out samples.npz)"
        )
    images = model.sample(seeds=all_seeds, labels=all_labels, exact=exact)
    names = [str(seed) for seed in all_seeds] if style.seeds else []
    return grid(images, columns=columns, caption=style.caption, rows=rows, names=names, scale=style.scale)


def save_grid(
    model: Model,
    seeds: Sequence[int],
    labels: Sequence[int] | None,
    path: Path,
    style: GridStyle = PLAIN,
    *,
    exact: bool = False,
) -> int:
    """Write the grid of `draw_grid` as .png, .jpg or .webp; returns the number of images."""
    save_image(draw_grid(model, seeds, labels, style, exact=exact), path)
    return len(seeds) * len(labels or [0])


def save_npz(
    model: Model, seeds: Sequence[int], labels: Sequence[int] | None, path: Path, *, exact: bool = False
) -> int:
    """Write arrays `images`, `labels`, `seeds` and `class_names`; returns the number of images.

    images: uint8 (N, height, width, channels). labels: int64 (N,), -1 where there is none. class_names: of each label.
    """
    all_seeds, all_labels = crossed(model, seeds, labels)
    images = model.sample(seeds=all_seeds, labels=all_labels, exact=exact)
    given = np.full(len(all_seeds), -1) if all_labels is None else np.asarray(all_labels)
    buffer = BytesIO()
    np.savez_compressed(
        buffer,
        images=images,
        labels=given.astype(np.int64),
        seeds=np.asarray(all_seeds),
        class_names=np.asarray(model.recipe.class_names, dtype=np.str_),
    )
    write_whole(path, buffer.getvalue())
    return len(images)


def save_files(
    model: Model,
    seeds: Sequence[int],
    labels: Sequence[int] | None,
    folder: Path,
    suffix: str = ".png",
    *,
    exact: bool = False,
) -> int:
    """Write each image at its own size into a folder, in a folder of its class where there are classes.

    `frog/seed-0000003.png`, a layout that reads back as a data set with classes. Returns the number of images.
    """
    all_seeds, all_labels = crossed(model, seeds, labels)
    for at in range(0, len(all_seeds), _TOGETHER):
        some = all_seeds[at : at + _TOGETHER]
        given = None if all_labels is None else all_labels[at : at + _TOGETHER]
        for number, pixels in enumerate(model.sample(seeds=some, labels=given, exact=exact)):
            place = folder if given is None else folder / _as_name(model.recipe.class_names[given[number]])
            save_image(as_image(pixels), place / f"seed-{some[number]:07d}{suffix}")
    return len(all_seeds)


def as_image(pixels: Images) -> Image.Image:
    """One image (height, width, 1 or 3) as Pillow has it."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _as_name(class_name: str) -> str:
    """A class's name as that of a folder."""
    return re.sub(r"[^\w .+-]", "_", class_name).strip(" .") or "_"
