"""Sample grids: `samples/step-00000500.png`, always of the same seeds, so that one sees them learn.

A conditional run shows one row for each class, others eight rows of eight.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ganforge.hookspecs import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from ganforge.run import Run

_CLASSES = 10  # rows at most, so that the grid stays readable with hundreds of classes


@hookimpl
def ganforge_step_finished(run: "Run", step: int, scalars: Mapping[str, float] | None) -> None:
    """Draw a grid every `sample_every` steps and after the last."""
    if step % run.recipe.run.sample_every and step != run.stop:
        return
    from ganforge.sampling import save_grid

    classes = run.model.gan.classes
    seeds, labels = (range(10), range(min(classes, _CLASSES))) if classes else (range(64), None)
    caption = f"{run.recipe.name}, step {step:,}, epoch {run.epoch:,.1f}"
    save_grid(run.model, seeds, labels, path_of(run, step), caption)


def path_of(run: "Run", step: int) -> "Path":
    """Where the grid of a step lies."""
    return run.folder / "samples" / f"step-{step:08d}.png"
