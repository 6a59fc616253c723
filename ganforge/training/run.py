"""A run: what is trained, on what, and how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from PIL import Image

from ganforge._io.words import counted
from ganforge.backend.contract import Workers
from ganforge.data.preparing import Prepared
from ganforge.generation.animations import progress
from ganforge.generation.html import card
from ganforge.generation.loss_curves import draw_small
from ganforge.generation.model import Model
from ganforge.plugins.host import Host
from ganforge.plugins.run_view import RunView
from ganforge.recipes.schema import Recipe
from ganforge.spec.arrays import Array, Images
from ganforge.training.callbacks import Listeners
from ganforge.training.experiment import Experiment
from ganforge.training.observers import journal


@dataclass(kw_only=True, repr=False)
class Run:
    """A run in progress, or done. Events of plugins are given it as a `RunView`."""

    folder: Path
    experiment: Experiment
    """What is trained, its images decoded."""
    model: Model
    host: Host
    start: int = 0
    """Steps done when this process took the run up."""
    step: int = 0
    """Steps done so far."""
    seconds_before: float = 0.0
    """Time spent on training by earlier processes."""
    saved: int = 0
    """Steps of the newest checkpoint; 0: there is none."""
    scalars: Mapping[str, float] = field(default_factory=dict)
    """Those of the newest checkpoint's step, as each was last computed."""
    quiet: bool = False
    """Whether plugins should keep off the terminal."""
    callbacks: Listeners = field(default_factory=dict)
    """By event, functions of the caller that are told of it."""
    interrupted: bool = False
    """Whether it was asked to stop before its last step; `ganforge.resume` goes on with it."""
    began: float = field(default_factory=perf_counter, init=False)
    """When this process began to train, by `perf_counter`."""

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        return self.experiment.recipe

    @property
    def data(self) -> Prepared:
        """The images and labels that it trains on."""
        return self.experiment.prepared

    @property
    def workers(self) -> Workers:
        """The processes that train it together. The first writes files and calls events; the others only train."""
        return self.experiment.workers

    @property
    def stop(self) -> int:
        """Steps in all."""
        return self.experiment.steps

    @property
    def seconds(self) -> float:
        """Time spent on training so far."""
        return self.seconds_before + perf_counter() - self.began

    @property
    def batch_images(self) -> int:
        """Real images that a step takes, where it takes whole batches."""
        return self.recipe.training.batch_size * self.recipe.training.discriminator.updates

    @property
    def epoch(self) -> float:
        """Passes over the data set so far: a batch is as much of one as any other."""
        training = self.recipe.training
        return self.step * training.discriminator.updates / training.batches_of_epoch(len(self.data.images))

    @property
    def images_taken(self) -> int:
        """Real images taken so far, each time they were."""
        training, count = self.recipe.training, len(self.data.images)
        of_epoch = training.batches_of_epoch(count)
        epochs, batches = divmod(self.step * training.discriminator.updates, of_epoch)
        return epochs * min(of_epoch * training.batch_size, count) + batches * training.batch_size

    def sample(self, count: int = 64) -> Images:
        """Generated images, as `Model.sample`."""
        return self.model.sample(count)

    def samples(self) -> list[Image.Image]:
        """The sample grids that it has drawn, oldest first.

        Raises:
            RunError: there are none yet, or one cannot be read.
        """
        return progress(self.folder)

    @property
    def history(self) -> dict[str, Array]:
        """What it has logged so far: an array (N,) for each name, such as `step`, `d_loss` and `g_loss`.

        A value that a step did not log is NaN.
        """
        return journal.history(self.folder)

    def __fspath__(self) -> str:
        """Its folder, so that a run can be given wherever a run's path can: `resume(run)`, `Path(run)`."""
        return str(self.folder)

    def __repr__(self) -> str:
        """One line: folder, recipe, framework, steps."""
        marks = ", interrupted" if self.interrupted else ""
        return (
            f"<ganforge.Run {str(self.folder)[-160:]}: {self.recipe.name:.80} on {self.recipe.run.backend}, "
            f"{self.step:,} of {counted(self.stop, 'step')}{marks}>"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: the last sample grid and the loss curve."""
        grids = sorted((self.folder / "samples").glob("step-*.png"))[-1:]
        curve = draw_small(self.history)
        return card(repr(self)[1:-1], [*grids, *([curve] if curve else [])])

    def tell(self, event: str, **about: Any) -> None:
        """Tell the plugins of one of `EVENTS`, then the callbacks, whose exceptions end the run."""
        view: RunView = self
        self.host.event(f"ganforge_{event}", run=view, **about)
        for function in self.callbacks.get(event, ()):
            function(view, *about.values())

    def warn(self, line: str) -> None:
        """Print a line for the user on stderr."""
        self.host.warn(line)
