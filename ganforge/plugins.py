"""The plugin host: finds plugins, checks each on its own, and keeps what is wrong with one from taking down the rest.

Everything comes in by the same door, our own backends and data sets too: modules of the entry point group `ganforge`,
and the default plugins below. GANFORGE_PLUGINS=a,b loads only these entry points (empty: none), GANFORGE_STRICT=1
raises at the first thing wrong.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any, Generic, Protocol, TypeVar

import pluggy

from ganforge import hookspecs
from ganforge.errors import GanforgeError, PluginError, near_names

DEFAULT_PLUGINS = (
    "ganforge.losses",
    "ganforge.architecture",
    "ganforge.recipes",
    "ganforge.testing.plugin",
    "ganforge.default_plugins.progress",
    "ganforge.default_plugins.journal",
    "ganforge.default_plugins.snapshots",
    "ganforge.default_plugins.tensorboard",
    "ganforge.default_plugins.watch",
)


class Named(Protocol):
    """What every entry has."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...


E = TypeVar("E", bound=Named)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A plugin, or one of its entries, that is left out, and why."""

    plugin: str
    distribution: str
    reason: str

    def __str__(self) -> str:
        """One line for stderr."""
        return self.said("is left out")

    def said(self, what: str) -> str:
        """One line: the plugin, what is with it, the reason."""
        origin = f" ({self.distribution})" if self.distribution else ""
        return f"plugin {self.plugin!r}{origin} {what}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A plugin that works."""

    name: str
    distribution: str
    """Name and version of the distribution it comes from."""
    hooks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Provided(Generic[E]):
    """An entry and the plugin it comes from."""

    entry: E
    plugin: str


@dataclass(kw_only=True)
class Host:
    """The plugins of this process."""

    manager: pluggy.PluginManager
    strict: bool = False
    warn: Callable[[str], None] = lambda line: print(line, file=sys.stderr)
    loaded: list[Loaded] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def add(self, name: str, load: Callable[[], object], distribution: str = "") -> None:
        """Load, register and check one plugin; a failure is kept and said, never raised unless strict."""
        try:
            hooks = self._register(name, load())
        except PluginError as error:
            self.fail(name, distribution, str(error), error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may call sys.exit() at import
            self.fail(name, distribution, f"{type(error).__name__}: {error}", error)
        else:
            self.loaded.append(Loaded(name=name, distribution=distribution, hooks=hooks))

    def _register(self, name: str, plugin: object) -> tuple[str, ...]:
        """Register a plugin whole or not at all; returns the names of its hooks."""
        first = next((each for each in self.loaded if each.name == name), None)
        if first is not None:
            raise PluginError(f"{first.distribution or 'another one'} has a plugin of that name too; uninstall one")
        if self.manager.is_registered(plugin):
            raise PluginError(f"it is plugin {self.manager.get_name(plugin)!r} once more; remove one entry point")
        try:
            self.manager.register(plugin, name)
            callers = sorted(self.manager.get_hookcallers(plugin) or (), key=lambda caller: caller.name)
            if not callers:
                raise PluginError("it implements no hook; mark its functions with @ganforge.hookimpl")
            unknown = next((caller.name for caller in callers if not caller.has_spec()), "")
            try:
                self.manager.check_pending()
            except pluggy.PluginValidationError as error:
                known = [each for each in vars(hookspecs) if each.startswith("ganforge_")]
                raise PluginError(f"no such hook as {unknown!r}; {near_names(unknown, known)}") from error
        except BaseException:
            if self.manager.get_plugin(name) is not None:
                self.manager.unregister(name=name)
            raise
        return tuple(caller.name for caller in callers)

    def fail(self, plugin: str, distribution: str, reason: str, error: BaseException | None = None) -> None:
        """Keep and say that a plugin is left out."""
        failure = Failure(plugin=plugin, distribution=distribution, reason=" ".join(reason.split()))
        if self.strict:
            raise PluginError(failure.said("is broken")) from error
        self.failures.append(failure)
        self.warn(f"ganforge: {failure}")

    def entries(self, hook: str, kind: type[E]) -> dict[str, Provided[E]]:
        """The entries of type `kind` that plugins give for a registration hook, by name.

        Raises:
            PluginError: two plugins give an entry of the same name; both are named.
        """
        found: dict[str, Provided[E]] = {}
        for given in self.given(hook):
            entry = given.entry
            if not isinstance(entry, kind):
                continue
            if entry.name in found:
                raise PluginError(
                    f"{kind.__name__} {entry.name!r} is given by two plugins, {found[entry.name].plugin!r} and "
                    f"{given.plugin!r}; uninstall one, or choose with GANFORGE_PLUGINS"
                )
            found[entry.name] = Provided(entry=entry, plugin=given.plugin)
        return found

    def find(self, hook: str, kind: type[E], name: str, word: str) -> E:
        """The entry of that name; `word` is what a user calls its kind.

        Raises:
            PluginError: there is none; the message suggests near names and names plugins that failed.
        """
        entries = self.entries(hook, kind)
        if name not in entries:
            broken = "".join(f"\n{failure}" for failure in self.failures)
            raise PluginError(f"unknown {word} {name!r}; {near_names(name, entries)}{broken}")
        return entries[name].entry

    def given(self, hook: str) -> list[Provided[Named]]:
        """All that plugins give for a registration hook; one that gives what the hook does not take is left out."""
        kinds = _kinds(hook)
        found: list[Provided[Named]] = []
        for implementation in list(getattr(self.manager.hook, hook).get_hookimpls()):
            name = implementation.plugin_name
            try:
                entries = list(implementation.function())
                for entry in entries:
                    _check_entry(entry, kinds)
                found += [Provided(entry=entry, plugin=name) for entry in entries]
            except (Exception, SystemExit) as error:
                self._drop(implementation.plugin, name, f"its {hook} raised {type(error).__name__}: {error}", error)
        return found

    def event(self, hook: str, **arguments: Any) -> None:
        """Tell every plugin of an event of a run.

        A plugin that raises is named, switched off, and the run goes on; unless it raises a `GanforgeError`, which
        stops the run.
        """
        for implementation in list(getattr(self.manager.hook, hook).get_hookimpls()):
            wanted = {name: arguments[name] for name in implementation.argnames}
            try:
                implementation.function(**wanted)
            except GanforgeError:
                raise
            except (Exception, SystemExit) as error:
                name = implementation.plugin_name
                self._drop(implementation.plugin, name, f"its {hook} raised {type(error).__name__}: {error}", error)

    def _drop(self, plugin: object, name: str, reason: str, error: BaseException) -> None:
        distribution = next((each.distribution for each in self.loaded if each.name == name), "")
        self.manager.unregister(plugin)
        self.loaded[:] = [each for each in self.loaded if each.name != name]
        self.fail(name, distribution, reason, error)


def new_host(entries: Iterable[EntryPoint] | None = None, *, strict: bool = False) -> Host:
    """A host with the default plugins and those of `entries` (default: what is installed)."""
    manager = pluggy.PluginManager("ganforge")
    manager.add_hookspecs(hookspecs)
    host = Host(manager=manager, strict=strict)
    for name in DEFAULT_PLUGINS:
        host.add(name, partial(import_module, name), "ganforge")
    for entry in _chosen(_installed(host) if entries is None else entries):
        host.add(entry.name, partial(_load, entry), _called(entry.dist))
    return host


@cache
def host() -> Host:
    """The host of this process, made when first asked for."""
    return new_host(strict=os.environ.get("GANFORGE_STRICT") == "1")


def _kinds(hook: str) -> list[str]:
    """Names of the classes that a registration hook gives, as its signature says."""
    return re.findall(r"\w+Entry", getattr(hookspecs, hook).__annotations__["return"])


def _check_entry(entry: Any, kinds: list[str]) -> None:
    home, _, _ = type(entry).__module__.partition(".")
    if home != "ganforge" or type(entry).__name__ not in kinds:
        raise TypeError(f"it gave {entry!r:.60}, which is no {' or '.join(kinds)}")
    name = entry.name
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise ValueError(f"the name {name!r:.60} is not of lower case letters, digits and hyphens")


def _installed(host: Host) -> list[EntryPoint]:
    """The entry points of all installed distributions, one that is there twice (an old version's metadata) once.

    Metadata that cannot be read costs a line: another's damaged file must not take the tool down.
    """
    found: list[EntryPoint] = []
    for distribution in distributions():
        try:
            found += [entry for entry in distribution.entry_points.select(group="ganforge") if entry not in found]
        except Exception as error:  # the standard library's parser answers damage with whatever comes up
            host.fail("?", _called(distribution), f"its entry points cannot be read: {error}", error)
    return found


def _called(distribution: Distribution | None) -> str:
    """Name and version of a distribution, as far as they can be read."""
    if distribution is None:
        return ""
    try:
        return f"{distribution.name} {distribution.version}"
    except Exception:  # as above
        return "a distribution whose metadata is damaged"


def _chosen(entries: Iterable[EntryPoint]) -> list[EntryPoint]:
    named = os.environ.get("GANFORGE_PLUGINS")
    ordered = sorted(entries, key=lambda entry: (entry.name, entry.value))
    if named is None:
        return ordered
    wanted = [name.strip() for name in named.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in {entry.name for entry in ordered}]
    if unknown:
        raise PluginError(
            f"GANFORGE_PLUGINS names {unknown[0]!r}, which is not installed; "
            f"{near_names(unknown[0], (entry.name for entry in ordered))}"
        )
    return [entry for entry in ordered if entry.name in wanted]


def _load(entry: EntryPoint) -> object:
    plugin: object = entry.load()
    if isinstance(plugin, type):
        raise PluginError(f"the entry point is the class {plugin.__name__}; give a module, or an instance of it")
    return plugin
