"""The losses, architectures and recipes that come with ganforge, as a plugin."""

from collections.abc import Iterable

from ganforge.plugins.markers import hookimpl
from ganforge.recipes.schema import RecipeEntry
from ganforge.recipes.shipped import shipped_recipes
from ganforge.spec.architecture_library import ARCHITECTURES
from ganforge.spec.architectures import ArchitectureEntry
from ganforge.spec.kind_library import LAYER_ENTRIES, OPTIMIZER_ENTRIES
from ganforge.spec.kinds import LayerEntry, OptimizerEntry
from ganforge.spec.loss_library import LOSSES
from ganforge.spec.losses import LossEntry, PenaltyEntry


@hookimpl
def ganforge_architectures() -> Iterable[ArchitectureEntry]:
    """The architectures that come with ganforge."""
    return ARCHITECTURES


@hookimpl
def ganforge_losses() -> Iterable[LossEntry | PenaltyEntry]:
    """The losses and penalties that come with ganforge."""
    return LOSSES


@hookimpl
def ganforge_layers() -> Iterable[LayerEntry]:
    """The kinds of layers that come with ganforge."""
    return LAYER_ENTRIES


@hookimpl
def ganforge_optimizers() -> Iterable[OptimizerEntry]:
    """The kinds of optimizers that come with ganforge."""
    return OPTIMIZER_ENTRIES


@hookimpl
def ganforge_recipes() -> Iterable[RecipeEntry]:
    """The recipes that come with ganforge."""
    return shipped_recipes()
