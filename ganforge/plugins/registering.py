"""Layers, losses, data sets and the like that a session of Python makes known for itself, without a package."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ganforge.errors import PluginError
from ganforge.plugins import hookspecs
from ganforge.plugins.entry_checks import check_entry, kinds_of
from ganforge.plugins.host import Host, Named, default_host
from ganforge.plugins.markers import hookimpl

E = TypeVar("E", bound=Named)
_NAME = "registered"


@dataclass(eq=False)
class Registered:
    """A plugin whose entries come one after another; of a kind and a name it has the last one."""

    entries: dict[tuple[str, str], Named] = field(default_factory=dict)
    """By class and name."""

    @hookimpl
    def ganforge_backends(self) -> Iterable[Any]:
        """Frameworks."""
        return self._of("ganforge_backends")

    @hookimpl
    def ganforge_datasets(self) -> Iterable[Any]:
        """Data sets."""
        return self._of("ganforge_datasets")

    @hookimpl
    def ganforge_architectures(self) -> Iterable[Any]:
        """Architectures."""
        return self._of("ganforge_architectures")

    @hookimpl
    def ganforge_recipes(self) -> Iterable[Any]:
        """Recipes."""
        return self._of("ganforge_recipes")

    @hookimpl
    def ganforge_losses(self) -> Iterable[Any]:
        """Losses and penalties."""
        return self._of("ganforge_losses")

    @hookimpl
    def ganforge_extractors(self) -> Iterable[Any]:
        """Extractors."""
        return self._of("ganforge_extractors")

    @hookimpl
    def ganforge_layers(self) -> Iterable[Any]:
        """Kinds of layers."""
        return self._of("ganforge_layers")

    @hookimpl
    def ganforge_optimizers(self) -> Iterable[Any]:
        """Kinds of optimizers."""
        return self._of("ganforge_optimizers")

    def _of(self, hook: str) -> list[Named]:
        kinds = kinds_of(hook)
        return [entry for (kind, _), entry in self.entries.items() if kind in kinds]


def register(entry: E) -> E:
    """Make an entry known in this process, as a plugin's would be; returns it.

    For notebooks and scripts: an own layer, loss, penalty, optimizer, architecture, data set, extractor or backend
    can be named in a recipe from then on. Another entry of the same kind and name takes the place of the one registered
    before, so that a cell can be run again. A package gives its entries by hooks instead: docs/plugins.md.

    Args:
        entry: a `LayerEntry`, `LossEntry`, `PenaltyEntry`, `OptimizerEntry`, `ArchitectureEntry`, `DatasetEntry`,
            `ExtractorEntry`, `BackendEntry` or `RecipeEntry`.

    Raises:
        PluginError: it is none of these, a field is wrong, or an installed plugin has one of that name.
    """
    return register_in(default_host(), entry)


def register_in(host: Host, entry: E) -> E:
    """Make an entry known in a host. See `register`."""
    hooks = [name for name, hook in vars(hookspecs).items() if "Entry" in str(_returned(hook))]
    kinds = {kind: hook for hook in hooks for kind in kinds_of(hook)}
    try:
        check_entry(entry, list(kinds))
    except (TypeError, ValueError) as error:
        raise PluginError(f"it cannot be registered: {error}") from error
    kind, plugin = type(entry).__name__, _registered(host)
    other = host.entries(kinds[kind], type(entry)).get(entry.name)
    if other is not None and other.plugin != _NAME:
        raise PluginError(f"plugin {other.plugin!r} has a {kind} named {entry.name!r} already; take another name")
    plugin.entries[kind, entry.name] = entry
    return entry


def _returned(hook: object) -> object:
    return getattr(hook, "__annotations__", {}).get("return", "")


def _registered(host: Host) -> Registered:
    """The host's plugin of registered entries, made when first needed."""
    found = host.manager.get_plugin(_NAME)
    if isinstance(found, Registered):
        return found
    plugin = Registered()
    host.add(_NAME, lambda: plugin, "this session")
    return plugin
