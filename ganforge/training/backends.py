"""Which framework a recipe is trained in, and on which device."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

from ganforge.backend.contract import BackendEntry, Precision, Session, Workers
from ganforge.backend.devices import AUTO, choose_device, kind_of
from ganforge.errors import PluginError
from ganforge.plugins.host import Host
from ganforge.recipes.schema import Recipe
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan
from ganforge.training.distributed import SINGLE_PROCESS


def choose_backend(recipe: Recipe, host: Host) -> BackendEntry:
    """The backend that the recipe names, or else the first whose framework is installed.

    Raises:
        PluginError: there is none, its framework is missing, or it does not compute in the recipe's precision.
    """
    entry = find_backend(recipe.run.backend or default_backend(host), host)
    precision = recipe.run.precision
    if precision not in entry.precisions:
        raise PluginError(
            f"backend {entry.name!r} has no {precision}; take --precision {' or '.join(entry.precisions)}"
        )
    return entry


def on_device(recipe: Recipe, entry: BackendEntry, workers: Workers = SINGLE_PROCESS) -> Recipe:
    """The recipe with the common name of the device that it is computed on, for 'auto' or a framework's own name.

    A backend that tells of no devices is given the name as it is. So is each of several workers, which have a device
    each.

    Raises:
        PluginError: the framework sees no such device on this machine.
    """
    if entry.devices is None or workers.shard.count > 1:
        return recipe
    return recipe.with_run(device=choose_device(recipe.run.device, entry.devices(), entry.name)[0])


def tell_of_change(recipe: Recipe, before: str, what: str, warn: Callable[[str], None]) -> None:
    """Say in one line that a run goes on on another kind of device than before.

    before: the device that it ran on last, or 'auto' where that is not known.
    """
    now = recipe.run.device
    if AUTO not in (before, now) and kind_of(before) != kind_of(now):
        warn(f"{what} ran on {before} last and goes on on {now}, so its numbers are no longer the same to the last bit")


def pinned(entry: BackendEntry, device: str) -> BackendEntry:
    """The backend on one device whatever device is asked for; one that has the processor alone stays there.

    Raises:
        PluginError: the framework sees no such device on this machine.
    """
    if entry.devices is None:
        return entry
    name, _ = choose_device(device, entry.devices(), entry.name)

    def opened(gan: Gan, state: State, precision: Precision, asked: str) -> Session:
        return entry.open(gan, state, precision, name)

    return replace(entry, open=opened)


def known_backend(recipe: Recipe, host: Host) -> BackendEntry | None:
    """The backend that the recipe names, if it names one. Its framework may be missing.

    Raises:
        PluginError: there is no backend of that name.
    """
    name = recipe.run.backend
    return None if name is None else host.find("ganforge_backends", BackendEntry, name, "backend")


def find_backend(name: str, host: Host) -> BackendEntry:
    """A backend whose framework is installed.

    Raises:
        PluginError: no such backend, or its framework is missing; the message has the line that installs it.
    """
    entry = host.find("ganforge_backends", BackendEntry, name, "backend")
    missing = missing_modules(entry)
    if missing:
        raise PluginError(
            f"backend {name!r} needs {' and '.join(missing)}, which is not installed; "
            f"run: pip install '{entry.install}'"
        )
    return entry


def missing_modules(entry: BackendEntry) -> list[str]:
    """The modules that a backend needs and that are not installed; none is imported to find out."""
    # Of `jax.numpy` only `jax` is looked for: to find the rest, Python would have to import it.
    return [module for module in entry.modules if find_spec(module.partition(".")[0]) is None]


def default_backend(host: Host) -> str:
    """The most preferred backend whose framework is installed.

    Raises:
        PluginError: none is; the message has the lines that install one, or says that no plugin gives a backend.
    """
    entries = [provided.entry for provided in host.entries("ganforge_backends", BackendEntry).values()]
    ranked = sorted((entry.rank, entry.name, entry) for entry in entries if entry.rank is not None)
    for _, name, entry in ranked:
        if not missing_modules(entry):
            return name
    if not ranked:
        raise PluginError("no backend plugin is loaded; see `ganforge plugins`, and GANFORGE_PLUGINS if it is set")
    lines = "".join(f"\n    pip install '{entry.install}'" for _, _, entry in ranked)
    raise PluginError(f"no framework is installed; run one of:{lines}")
