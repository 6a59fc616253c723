"""A run: what is trained, on what, and how far it has come."""

from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from ganforge.backend.contract import Workers
from ganforge.data.preparing import Prepared
from ganforge.generation.model import Model
from ganforge.plugins.host import Host
from ganforge.recipes.schema import Recipe
from ganforge.spec.arrays import Images
from ganforge.training.experiment import Experiment


@dataclass(kw_only=True)
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
    quiet: bool = False
    """Whether plugins should keep off the terminal."""
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
    def epoch(self) -> float:
        """Passes over the data set so far: a batch is as much of one as any other."""
        training = self.recipe.training
        return self.step * training.discriminator.updates / training.batches_of_epoch(len(self.data.images))

    @property
    def images_taken(self) -> int:
        """Real images taken so far, each time they were."""
        training, pictures = self.recipe.training, len(self.data.images)
        of_epoch = training.batches_of_epoch(pictures)
        epochs, batches = divmod(self.step * training.discriminator.updates, of_epoch)
        return epochs * min(of_epoch * training.batch_size, pictures) + batches * training.batch_size

    def sample(self, count: int = 64) -> Images:
        """Generated images, as `Model.sample`."""
        return self.model.sample(count)

    def warn(self, line: str) -> None:
        """Print a line for the user on stderr."""
        self.host.warn(line)
