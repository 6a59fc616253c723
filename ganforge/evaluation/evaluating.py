"""Measuring a run, or any folder of images, against real images."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ganforge._io.files import write_whole
from ganforge._io.paths import expanded
from ganforge.data.contract import ImageShape
from ganforge.data.memory import handed_over
from ganforge.data.preparing import Prepared
from ganforge.errors import DataError, EvaluationError
from ganforge.evaluation import runs
from ganforge.evaluation.by_class import Classes
from ganforge.evaluation.copies import Copies, draw_pairs, find_copies
from ganforge.evaluation.extracting import (
    Opened,
    Untaught,
    check_extractor_works,
    default_extractor,
    extract,
    open_extractor,
)
from ganforge.evaluation.feature_cache import cached_features
from ganforge.evaluation.features import Features
from ganforge.evaluation.folders import read_images
from ganforge.evaluation.frechet import is_biased
from ganforge.evaluation.halves import SEED, Halves, halves_of
from ganforge.evaluation.measures import LEAST, measure
from ganforge.evaluation.recognition import recogniser
from ganforge.evaluation.report import ClassRow, Evaluation, Report, Row
from ganforge.evaluation.subjects import OnStage, Subject, drawn, others, short
from ganforge.plugins.host import default_host
from ganforge.spec.arrays import Images
from ganforge.training.best_checkpoint import step_of_best
from ganforge.training.models import load

IMAGES = 10_000
FLOOR = "real against real"


def evaluate(
    target: str | Path,
    *,
    data: Any = None,
    dataset: str = "folder",
    options: dict[str, Any] | None = None,
    extractors: Sequence[str] = (),
    images: int = IMAGES,
    checkpoint: int | Literal["best"] | None = None,
    every_checkpoint: bool = False,
    against: str | Path | None = None,
    save_features: str | Path | None = None,
    copies: str | Path | None = None,
    backend: str | None = None,
    device: str | None = None,
    on_stage: OnStage | None = None,
) -> Evaluation:
    """Measure generated images against real ones.

    As many real images are taken as generated ones, and as many others, which show what real images themselves would
    get. The choice, the seeds of the images and of everything else are always the same.

    Args:
        target: a run; or a folder or archive of images or an .npz with the array `images`, of whatever made them.
        data: path of the real images: for a run, if they have moved; for a folder, always, unless the data set brings
            its own. Or the images themselves, as `train` takes them.
        dataset, options: the data set of the real images of a folder. A run has its own.
        extractors: names, `NAME:ARGUMENT`, or functions `MODULE:FUNCTION`; by default the best that is installed.
        images: generated images at most; half of the real ones are never exceeded.
        checkpoint: step of the run's checkpoint, or "best" for the one that `keep_best` has kept; by default the
            newest.
        every_checkpoint: measure all checkpoints of the run.
        against: a second run or folder, measured in the same way.
        save_features: an .npz for the features.
        copies: a PNG for the generated images that are closest to a training image; asks for `Evaluation.copies`, which
            takes the features of all real images, by the first extractor.
        backend: framework to draw with; by default the one that the run ran on last.
        device: to draw on; by default the best available.
        on_stage: told how far it has come.

    Raises:
        GanforgeError: whatever of this cannot be; as much as possible is checked before minutes are spent.
    """
    place, tell = expanded(target), on_stage or (lambda *_: None)
    loaded = partial(load, backend=backend, device=device)
    if images < LEAST:
        raise EvaluationError(f"{images} images are too few to measure; {LEAST} is the least, thousands are better")
    if checkpoint is not None and every_checkpoint:
        raise EvaluationError("one checkpoint or every checkpoint: give one of them")
    if save_features is not None and Path(save_features).suffix != ".npz":
        raise EvaluationError(f"{save_features} must end in .npz")
    if copies is not None and Path(copies).suffix != ".png":
        raise EvaluationError(f"{copies} must end in .png")
    image_set = handed_over(data)
    given = None if data is None or image_set is not None else expanded(data)
    telling = partial(tell, "preparing real images")
    seeds = None
    subjects: Iterator[Subject]
    if runs.is_run(place):
        steps = _steps(place, checkpoint, every_checkpoint)
        shape = _shape_of_run(place)
        asked = _open(extractors, shape)
        real = runs.real_images_of_run(place, image_set or given, telling)
        halves = halves_of(real.images, min(images, len(real.images.images) // 2))
        subjects = drawn(place, steps, loaded, halves, tell)
        seeds = (0, halves.count - 1)
    else:
        if checkpoint is not None or every_checkpoint:
            raise EvaluationError(f"{place} is not the folder of a run, so it has no checkpoints")
        found = read_images(place, images)
        _, height, width, channels = found.images.shape
        shape = (height, width, channels)
        asked = _open(extractors, shape)
        if data is None and dataset == "folder":
            raise DataError("say what to compare the images with: --data PATH, a folder of real images")
        real = runs.real_images(dataset, image_set or given, shape, options or {}, telling)
        halves = halves_of(real.images, min(len(found.images), len(real.images.images) // 2))
        labels = found.labels_among(halves.class_names)
        made = found.images[: halves.count]
        subjects = iter(
            [Subject(name=short(place), images=made, labels=None if labels is None else labels[: halves.count])]
        )
    notes: list[str] = []
    if against is not None:
        subjects = chain(subjects, others(expanded(against), loaded, halves, shape, tell, notes))
    opened = _taught(asked, real.images, tell)
    reports, kept, last = _measured(opened, halves, subjects, tell)
    found_copies = None
    if copies is not None and last is not None:
        found_copies = _copies(opened[0], real.images.images, last, kept, tell, Path(copies))
    if save_features is not None:
        _save(Path(save_features), kept)
    return Evaluation(
        target=str(place),
        real=real.name,
        images=halves.count,
        real_images=len(real.images.images),
        shape=shape,
        seed=SEED,
        seeds=seeds,
        notes=tuple(notes),
        reports=reports,
        copies=found_copies,
    )


def _steps(folder: Path, checkpoint: int | Literal["best"] | None, every: bool) -> list[int] | None:
    """Steps of the checkpoints to measure; None: the newest."""
    if every:
        return runs.steps_of(folder)
    if checkpoint is None:
        return None
    return [step_of_best(folder) if checkpoint == "best" else checkpoint]


def _shape_of_run(folder: Path) -> ImageShape:
    recipe = runs.recipe_of(folder)
    assert recipe.channels is not None, "a run's recipe is resolved"
    runs.steps_of(folder)  # a run without checkpoints is refused before its images are decoded
    return (*recipe.size, recipe.channels)


def _open(extractors: Sequence[str], shape: ImageShape) -> list[Opened | Untaught]:
    host = default_host()
    return [open_extractor(name, shape, host) for name in extractors or [default_extractor(host)]]


def _taught(asked: list[Opened | Untaught], real: Prepared, tell: OnStage) -> list[Opened]:
    """The extractors, all of them ready: those that learn have learned from the real images."""
    return [
        each.taught(real, partial(tell, f"training {each.name}")) if isinstance(each, Untaught) else each
        for each in asked
    ]


@dataclass(kw_only=True)
class _Measuring:
    """One extractor at work: real features, and what has been measured so far."""

    opened: Opened
    real: tuple[Features, Features]
    classes: Classes | None
    rows: list[Row]
    class_rows: list[ClassRow]

    def add(self, subject: Subject, features: Features) -> None:
        share = None
        if self.classes is not None and subject.labels is not None:
            share = self.classes.share(features, subject.labels)
            self.class_rows += self.classes.rows(subject.name, features, subject.labels)
        found = measure(self.real[0], features, seed=SEED)
        self.rows.append(Row(subject=subject.name, step=subject.step, measures=found, recognised=share))

    def report(self) -> Report:
        first, second = self.real
        classed = self.classes is not None and any(row.recognised is not None for row in self.rows)
        share = self.classes.floor_share if classed and self.classes is not None else None
        return Report(
            extractor=self.opened.name,
            fingerprint=self.opened.extractor.fingerprint,
            dimension=first.shape[1],
            resizing=self.opened.extractor.resizing,
            frechet=self.opened.frechet,
            biased=is_biased(len(first), first.shape[1]),
            floor=Row(subject=FLOOR, measures=measure(first, second, seed=SEED), recognised=share),
            rows=tuple(self.rows),
            classes=tuple(self.class_rows),
        )


def _measured(
    opened: list[Opened], halves: Halves, subjects: Iterator[Subject], tell: OnStage
) -> tuple[tuple[Report, ...], dict[str, Features], Subject | None]:
    """The report of each extractor, all features by what they are of, and the last subject of the target itself."""
    last = None
    work: list[_Measuring] = []
    kept: dict[str, Features] = {}
    for each in opened:
        check_extractor_works(each, halves.images[0])
    for each in opened:
        stage = partial(tell, f"{each.name}, real images")
        first, second = (cached_features(each, half, "the real images", stage) for half in halves.images)
        classes = None
        if halves.labels is not None:
            looks = recogniser(each, first, halves.labels[0])
            classes = Classes(first=first, second=second, labels=halves.labels, names=halves.class_names, looks=looks)
        work.append(_Measuring(opened=each, real=(first, second), classes=classes, rows=[], class_rows=[]))
        kept |= {f"{each.name}/real": first, f"{each.name}/real, others": second}
    for subject in subjects:
        for measuring in work:
            name = measuring.opened.name
            features = extract(measuring.opened, subject.images, subject.name, partial(tell, f"{name}, {subject.name}"))
            tell(f"{name}, measuring {subject.name}", 0, len(features))
            measuring.add(subject, features)
            kept[f"{name}/{subject.name}"] = features
        last = last if subject.against else subject
    return tuple(measuring.report() for measuring in work), kept, last


def _copies(
    opened: Opened, training: Images, subject: Subject, kept: dict[str, Features], tell: OnStage, path: Path
) -> Copies:
    stage = partial(tell, f"{opened.name}, all real images")
    features = cached_features(opened, training, "the training images", stage)
    made = kept[f"{opened.name}/{subject.name}"]
    found = find_copies(features, made, extractor=opened.name, subject=subject.name, seed=SEED)
    draw_pairs(found, subject.images, training, path)
    return found


def _save(path: Path, features: dict[str, Features]) -> None:
    content = io.BytesIO()
    arrays: dict[str, Any] = dict(features)
    np.savez(content, **arrays)
    write_whole(path, content.getvalue())
