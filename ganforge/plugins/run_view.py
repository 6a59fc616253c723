"""What a plugin sees of a run in its events."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a list of plugins must not wait for these
    from ganforge.backend.contract import Workers
    from ganforge.data.preparing import Prepared
    from ganforge.generation.model import Model
    from ganforge.recipes.schema import Recipe
    from ganforge.spec.arrays import Images


class RunView(Protocol):
    """A run in progress, or done. To be read, not changed."""

    @property
    def folder(self) -> Path:
        """Where the run writes its files."""
        ...

    @property
    def recipe(self) -> "Recipe":
        """The resolved recipe."""
        ...

    @property
    def model(self) -> "Model":
        """The networks with their current weights."""
        ...

    @property
    def data(self) -> "Prepared":
        """The images and labels it trains on."""
        ...

    @property
    def workers(self) -> "Workers":
        """The processes that train it together. Events are called in the first of them."""
        ...

    @property
    def start(self) -> int:
        """Steps done when this process took the run up."""
        ...

    @property
    def step(self) -> int:
        """Steps done so far."""
        ...

    @property
    def stop(self) -> int:
        """Steps in all."""
        ...

    @property
    def saved(self) -> int:
        """Steps of the newest checkpoint; 0: there is none."""
        ...

    @property
    def epoch(self) -> float:
        """Passes over the data set so far."""
        ...

    @property
    def seconds(self) -> float:
        """Time spent on training so far, earlier processes included."""
        ...

    @property
    def batch_images(self) -> int:
        """Real images that a step takes, where it takes whole batches."""
        ...

    @property
    def images_taken(self) -> int:
        """Real images trained on so far, each as often as it was."""
        ...

    @property
    def quiet(self) -> bool:
        """Whether plugins should keep off the terminal."""
        ...

    def sample(self, count: int = 64) -> "Images":
        """Generated images, as `Model.sample`."""
        ...

    def warn(self, line: str) -> None:
        """Print a line for the user on stderr."""
        ...
