"""The sets of generated images that are measured, one after another: of a run's checkpoints, or of files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ganforge.data.contract import ImageShape
from ganforge.data.resizing import fit_image
from ganforge.errors import EvaluationError
from ganforge.evaluation import runs
from ganforge.evaluation.folders import read_images
from ganforge.evaluation.halves import Halves
from ganforge.evaluation.runs import Load
from ganforge.generation.model import Model
from ganforge.spec.arrays import Images, Labels

OnStage = Callable[[str, int, int], None]
"""Called with what is being done, and the number of images done so far and of all."""

_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A set of generated images."""

    name: str
    step: int | None = None
    images: Images
    labels: Labels | None = None
    """What they were asked to show."""
    against: bool = False
    """Whether they are there for comparison alone."""


def drawn(
    folder: Path, steps: list[int] | None, load: Load, halves: Halves, tell: OnStage, mark: str = ""
) -> Iterator[Subject]:
    """The images of a run, of seeds 0, 1, 2, ..., as many as there are real ones in a half.

    A conditional run is asked for the labels of the real images that its own are compared with.

    Args:
        folder: the run's.
        steps: of its checkpoints; None: the newest.
        load: opens the newest model of a run.
        halves: the real images.
        tell: told how far it has come.
        mark: begins the names.
    """
    for model in runs.models_of(folder, steps, load):
        yield draw_like(model, halves, f"{mark}step {model.step:,}", tell)


def draw_like(model: Model, halves: Halves, name: str, tell: OnStage | None = None) -> Subject:
    """The images of a model, of seeds 0, 1, 2, ..., as many as there are real ones in a half, and their labels."""
    count = halves.count
    labels = runs.labels_like(model, halves.labels[0] if halves.labels else None)
    parts = []
    for at in range(0, count, _AT_ONCE):
        seeds = range(at, min(at + _AT_ONCE, count))
        parts.append(model.sample(seeds=seeds, labels=None if labels is None else labels[at : at + _AT_ONCE]))
        if tell is not None:
            tell(f"drawing {name}", seeds[-1] + 1, count)
    return Subject(
        name=name,
        step=model.step,
        images=np.concatenate(parts),
        labels=None if labels is None else np.asarray(labels, dtype=np.int64),
    )


def others(
    place: Path, load: Load, halves: Halves, shape: ImageShape, tell: OnStage, notes: list[str]
) -> Iterator[Subject]:
    """The images of another run or folder, brought to the shape of the first; `notes` is told of it."""
    for subject in (replace(each, against=True) for each in _others(place, load, halves, tell)):
        if subject.images.shape[1:] == shape:
            yield subject
            continue
        height, width, channels = subject.images.shape[1:]
        notes.append(f"{subject.name}: {height}x{width}x{channels}, fitted ('cover', bicubic with antialiasing)")
        yield replace(subject, images=np.stack([fit_image(image, shape) for image in subject.images]))


def _others(place: Path, load: Load, halves: Halves, tell: OnStage) -> Iterator[Subject]:
    name = short(place)
    if runs.is_run(place):
        yield from drawn(place, None, load, halves, tell, mark=f"{name}, ")
        return
    found = read_images(place, halves.count)
    if len(found.images) < halves.count:
        raise EvaluationError(
            f"{place}: {len(found.images):,} images, and {halves.count:,} are measured; "
            f"give --images {len(found.images)}"
        )
    yield Subject(name=name, images=found.images, labels=found.labels_among(halves.class_names))


def short(place: Path) -> str:
    """The last part of a path."""
    return place.resolve().name
