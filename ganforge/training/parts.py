"""What a recipe names, found among the plugins: its data set, architecture, loss and penalty."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from ganforge._io.convert import convert
from ganforge.data.contract import DatasetEntry
from ganforge.errors import PluginError, near_names
from ganforge.plugins.host import Host, Named, Provided
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.leaving_out import without_nothing
from ganforge.recipes.schema import ArchitectureSettings, Recipe, RecipeEntry, Table
from ganforge.spec.architectures import ArchitectureEntry
from ganforge.spec.checks import checked_loss, checked_penalty
from ganforge.spec.kinds import Kinds
from ganforge.spec.losses import LossEntry, PenaltyEntry

E = TypeVar("E", bound=Named)


@dataclass(frozen=True, kw_only=True)
class Part(Generic[E]):
    """An entry that takes options."""

    entry: E
    options: Any
    """The recipe's, as the entry's own type."""
    plugin: str
    """Where the entry comes from, to be named when it breaks its contract."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What an experiment is made from."""

    data_set: Part[DatasetEntry] | None
    """None: it is not needed."""
    architecture: Part[ArchitectureEntry] | None
    """None: the recipe writes its layers out."""
    loss: LossEntry
    penalty: PenaltyEntry | None
    kinds: Kinds
    """Of the layers that a recipe may write out."""


def find_data_set(recipe: Recipe, host: Host) -> Part[DatasetEntry]:
    """The recipe's data set.

    Raises:
        PluginError: there is none of that name. RecipeError: an option that it does not have.
    """
    settings = recipe.data
    found = _data_set(settings.set, host)
    options = _options(settings.options, found.entry.options, f"recipe {recipe.name!r}: data set {settings.set!r}")
    return Part(entry=found.entry, options=options, plugin=found.plugin)


def _data_set(name: str, host: Host) -> Provided[DatasetEntry]:
    """The entry of a data set; where a recipe has that name, the error says so."""
    entries = host.entries("ganforge_datasets", DatasetEntry)
    if name not in entries and name in host.entries("ganforge_recipes", RecipeEntry):
        raise PluginError(f"there is no data set {name!r}, but a recipe: --recipe {name}; {near_names(name, entries)}")
    return host.provided("ganforge_datasets", DatasetEntry, name, "data set")


def find_parts(recipe: Recipe, host: Host, *, data_set: bool = True, logits: int | None = None) -> Parts:
    """What the recipe names.

    Args:
        data_set: whether its data set is needed.
        logits: of the discriminator, for networks that only draw. A loss or a penalty that is not installed is then
            replaced by one that raises when a step asks for it.

    Raises:
        PluginError: there is none of a name. RecipeError: an option that what it names does not have.
    """
    data, built = recipe.data, recipe.architecture or ArchitectureSettings()
    loss_name, choice = recipe.training.loss.name, recipe.training.penalty
    images = architecture = loss = penalty = None
    if data_set:
        images = _data_set(data.set, host)
    if recipe.generator is None:
        architecture = host.provided("ganforge_architectures", ArchitectureEntry, built.name, "architecture")
    if logits is None or loss_name in host.entries("ganforge_losses", LossEntry):
        loss = host.provided("ganforge_losses", LossEntry, loss_name, "loss")
    if choice is not None and (logits is None or choice.name in host.entries("ganforge_losses", PenaltyEntry)):
        penalty = host.provided("ganforge_losses", PenaltyEntry, choice.name, "penalty")
    found_set = found_architecture = None
    where = f"recipe {recipe.name!r}"
    if images is not None:
        options = _options(data.options, images.entry.options, f"{where}: data set {data.set!r}")
        found_set = Part(entry=images.entry, options=options, plugin=images.plugin)
    if architecture is not None:
        options = _options(built.options, architecture.entry.options, f"{where}: architecture {built.name!r}")
        found_architecture = Part(entry=architecture.entry, options=options, plugin=architecture.plugin)
    return Parts(
        data_set=found_set,
        architecture=found_architecture,
        loss=_loss(loss, recipe, logits),
        penalty=None if choice is None else _penalty(penalty, choice.name),
        kinds=known_kinds(host),
    )


def _options(given: Table, kind: type[msgspec.Struct], where: str) -> Any:
    """A recipe's options of what it names; "none" leaves one out, where it may be missing."""
    return convert(without_nothing(given, kind), kind, where)


def _loss(found: Provided[LossEntry] | None, recipe: Recipe, logits: int | None) -> LossEntry:
    name, classes = recipe.training.loss.name, len(recipe.class_names)
    if found is not None:
        return checked_loss(found.entry, f"loss {name!r} of plugin {found.plugin!r}")
    raising, outputs = _raising(f"loss {name!r}"), logits or 1
    classifies = 0 < classes < outputs
    return LossEntry(
        name=name,
        summary="not installed",
        discriminator=raising,
        generator=raising,
        outputs=outputs - classes if classifies else outputs,
        classifies=classifies,
        uses_targets=True,
    )


def _penalty(found: Provided[PenaltyEntry] | None, name: str) -> PenaltyEntry:
    if found is not None:
        return checked_penalty(found.entry, f"penalty {name!r} of plugin {found.plugin!r}")
    return PenaltyEntry(name=name, summary="not installed", penalty=_raising(f"penalty {name!r}"))


def _raising(what: str) -> Callable[..., NoReturn]:
    def function(*inputs: Any) -> NoReturn:
        raise PluginError(f"no plugin gives {what}; this model can draw images, but not train")

    return function
