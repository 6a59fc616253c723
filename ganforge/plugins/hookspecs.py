"""The hooks by which plugins extend ganforge. Our own backends and data sets use the same ones.

Registration hooks return iterables of frozen entries and must be cheap: they may not import a framework. Run events
are called in the training process, one plugin after another; docs/plugins.md has an example of each.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ganforge.plugins.markers import hookspec
from ganforge.plugins.run_view import RunView

if TYPE_CHECKING:
    import click

    from ganforge.backend.contract import BackendEntry
    from ganforge.data.contract import DatasetEntry
    from ganforge.data.extractors import ExtractorEntry
    from ganforge.data.preparing import Prepared
    from ganforge.recipes.schema import Recipe, RecipeEntry
    from ganforge.spec.architectures import ArchitectureEntry
    from ganforge.spec.kinds import LayerEntry, OptimizerEntry
    from ganforge.spec.losses import LossEntry, PenaltyEntry


@hookspec
def ganforge_backends() -> "Iterable[BackendEntry]":  # type: ignore[empty-body]
    """Frameworks that can build and train a GAN."""


@hookspec
def ganforge_datasets() -> "Iterable[DatasetEntry]":  # type: ignore[empty-body]
    """Data sets that a recipe can name."""


@hookspec
def ganforge_architectures() -> "Iterable[ArchitectureEntry]":  # type: ignore[empty-body]
    """Named builders of a generator and a discriminator for any image size."""


@hookspec
def ganforge_recipes() -> "Iterable[RecipeEntry]":  # type: ignore[empty-body]
    """Recipes: TOML files that name a data set, an architecture and a way of training."""


@hookspec
def ganforge_losses() -> "Iterable[LossEntry | PenaltyEntry]":  # type: ignore[empty-body]
    """Losses and penalties, each written once over `Ops` and run by every backend."""


@hookspec
def ganforge_extractors() -> "Iterable[ExtractorEntry]":  # type: ignore[empty-body]
    """Extractors: functions from images to features, in which `ganforge evaluate` measures."""


@hookspec
def ganforge_layers() -> "Iterable[LayerEntry]":  # type: ignore[empty-body]
    """Kinds of layers, each written once over `Ops` and run by every backend."""


@hookspec
def ganforge_optimizers() -> "Iterable[OptimizerEntry]":  # type: ignore[empty-body]
    """Kinds of optimizers, each written once over `Ops` and run by every backend."""


@hookspec
def ganforge_commands(cli: "click.Group") -> None:
    """Add commands to the command line: `cli.add_command(...)`."""


@hookspec
def ganforge_run_planned(recipe: "Recipe", data: "Prepared") -> None:
    """A run is about to start or to go on; nothing has been written for it. A `GanforgeError` refuses it."""


@hookspec
def ganforge_run_started(run: RunView) -> None:
    """A run starts or is resumed, at `run.step`; its folder exists."""


@hookspec
def ganforge_step_finished(run: RunView, step: int, scalars: "Mapping[str, float] | None") -> None:
    """Step `step` (counted from 1) is done; `scalars` are given on logged steps and None on the others."""


@hookspec
def ganforge_epoch_finished(run: RunView, epoch: int, means: "Mapping[str, float]", steps: int) -> None:
    """Epoch `epoch` (counted from 1) ended within `run.step`; `means` of the scalars of its `steps` steps."""


@hookspec
def ganforge_checkpoint_saved(run: RunView, path: Path) -> None:
    """A checkpoint has been saved at `path`."""


@hookspec
def ganforge_step_measured(run: RunView, step: int, measures: "Mapping[str, float]", by: str) -> None:
    """The generated images of step `step` have been measured; `by`: in which features, how many images."""


@hookspec
def ganforge_run_finished(run: RunView, error: BaseException | None) -> None:
    """The run ends: at its last step (`error` is None), or by an error or an interruption."""
