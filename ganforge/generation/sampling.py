"""Drawing a trained model's pictures for many seeds and labels, into a grid or arrays."""

from collections.abc import Sequence
from io import BytesIO
from math import ceil, sqrt
from pathlib import Path

import numpy as np

from ganforge._io.files import write_whole
from ganforge.errors import GanforgeError
from ganforge.generation.grids import grid, save_png
from ganforge.generation.model import Model
from ganforge.spec.arrays import Images

_MOST = 1_000_000


def crossed(model: Model, seeds: Sequence[int], labels: Sequence[int] | None) -> tuple[list[int], list[int] | None]:
    """The seed and the label of each picture: every seed for every label, label by label.

    Without labels those that a conditional model takes by itself; None for an unconditional one.
    """
    classes = model.gan.classes
    if len(seeds) * len(labels or [0]) > _MOST:
        raise GanforgeError(f"{len(seeds) * len(labels or [0]):,} pictures at once are too many; {_MOST:,} at most")
    if labels is None:
        return list(seeds), [seed % classes for seed in seeds] if classes else None
    if not classes:
        raise GanforgeError(f"recipe {model.recipe.name!r} is not conditional: it cannot be asked for labels")
    return [seed for _ in labels for seed in seeds], [label for label in labels for _ in seeds]


def draw_grid(
    model: Model, seeds: Sequence[int], labels: Sequence[int] | None, caption: str = "", *, exact: bool = False
) -> Images:
    """The grid of `save_grid` as one picture: uint8 (height, width, 3)."""
    all_seeds, all_labels = crossed(model, seeds, labels)
    images = model.sample(seeds=all_seeds, labels=all_labels, exact=exact)
    names: list[str] = []
    if labels is not None:
        columns, names = len(seeds), [model.recipe.class_names[label] for label in labels]
    else:
        columns = min(len(seeds), model.gan.classes or ceil(sqrt(len(seeds))))
    return np.asarray(grid(images, columns=columns, caption=caption, rows=names))


def save_grid(
    model: Model,
    seeds: Sequence[int],
    labels: Sequence[int] | None,
    path: Path,
    caption: str = "",
    *,
    exact: bool = False,
) -> int:
    """Write a PNG: with labels one row for each, its name beside it; returns the number of pictures."""
    from PIL import Image

    save_png(Image.fromarray(draw_grid(model, seeds, labels, caption, exact=exact)), path)
    return len(seeds) * len(labels or [0])


def save_npz(
    model: Model, seeds: Sequence[int], labels: Sequence[int] | None, path: Path, *, exact: bool = False
) -> int:
    """Write arrays `images`, uint8 (N, height, width, channels), and `labels`, int64 (N,), -1 where there is none.

    Returns the number of pictures.
    """
    all_seeds, all_labels = crossed(model, seeds, labels)
    images = model.sample(seeds=all_seeds, labels=all_labels, exact=exact)
    given = np.full(len(all_seeds), -1) if all_labels is None else np.asarray(all_labels)
    buffer = BytesIO()
    np.savez_compressed(buffer, images=images, labels=given.astype(np.int64), seeds=np.asarray(all_seeds))
    write_whole(path, buffer.getvalue())
    return len(images)
