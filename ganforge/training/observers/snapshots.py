"""Sample grids: `samples/step-00000500.png`, always of the same seeds, so that one sees them learn.

A conditional run shows one row for each class, others eight rows of eight. Beside them, once, `samples/real.png`: real
images in the same places, as the discriminator sees them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ganforge.plugins.markers import hookimpl
from ganforge.plugins.run_view import RunView

if TYPE_CHECKING:
    from pathlib import Path

    from ganforge.spec.arrays import Images

_CLASSES = 10  # rows at most, so that the grid stays readable with hundreds of classes
_OF_A_CLASS, _OF_ALL, _COLUMNS = 10, 64, 8


@hookimpl
def ganforge_run_started(run: RunView) -> None:
    """Draw the real images, unless an earlier process has."""
    path = run.folder / "samples" / "real.png"
    if path.exists():
        return
    from ganforge.generation.grids import grid, save_png

    rows = real_images(run)
    images = np.concatenate([pictures for _, pictures in rows])
    names = [run.recipe.class_names[label] for label, _ in rows if label is not None]
    caption = f"{run.recipe.name}, real images of {run.recipe.data.set}"
    save_png(grid(images, columns=_OF_A_CLASS if names else _COLUMNS, caption=caption, rows=names), path)


@hookimpl
def ganforge_step_finished(run: RunView, step: int, scalars: Mapping[str, float] | None) -> None:
    """Draw a grid every `sample_every` steps and after the last."""
    if step % run.recipe.run.sample_every and step != run.stop:
        return
    from ganforge.generation.sampling import GridStyle, save_grid

    classes = run.model.gan.classes
    seeds, labels = (range(_OF_A_CLASS), range(min(classes, _CLASSES))) if classes else (range(_OF_ALL), None)
    caption = f"{run.recipe.name}, step {step:,}, epoch {run.epoch:,.1f}"
    save_grid(run.model, seeds, labels, path_of(run, step), GridStyle(caption=caption))


def path_of(run: RunView, step: int) -> "Path":
    """Where the grid of a step lies."""
    return run.folder / "samples" / f"step-{step:08d}.png"


def real_images(run: RunView) -> "list[tuple[int | None, Images]]":
    """Real images for each row of a conditional grid, with its label; for the whole of another one, with None.

    Spread evenly over the data set; some more than once where there are too few. A class without any has no row.
    """
    images, labels = run.data.images, run.data.labels
    if labels is None or not run.model.gan.classes:
        return [(None, images[_spread(len(images), _OF_ALL)])]
    rows: list[tuple[int | None, Images]] = []
    for label in range(min(run.model.gan.classes, _CLASSES)):
        of_label = np.flatnonzero(labels == label)
        if len(of_label):
            rows.append((label, images[of_label[_spread(len(of_label), _OF_A_CLASS)]]))
    return rows


def _spread(size: int, count: int) -> npt.NDArray[np.intp]:
    return np.linspace(0, size - 1, count).round().astype(np.intp)
