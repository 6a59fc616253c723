"""The plugin host: finds plugins, checks each on its own, and keeps a broken one from affecting the others.

Everything is a plugin, our own backends and data sets too: modules of the entry point group `ganforge`, and the
default plugins below. GANFORGE_PLUGINS chooses among them (see `discovery.Choice`), GANFORGE_STRICT=1
raises at the first problem.
"""

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any, Generic, Protocol, TypeVar

import pluggy

from ganforge._io.files import redirect_to_devnull
from ganforge._io.origins import described
from ganforge.errors import GanforgeError, PluginError, near_names, strict
from ganforge.plugins import discovery, hookspecs
from ganforge.plugins.discovery import VARIABLE, Choice
from ganforge.plugins.entry_checks import check_entry, kinds_of
from ganforge.plugins.slow_plugins import SlowWork

DEFAULT_PLUGINS = (
    "ganforge.plugins.builtin",
    "ganforge.plugins.memory",
    "ganforge.evaluation.builtin",
    "ganforge.testing.plugin",
    "ganforge.training.observers.progress",
    "ganforge.training.observers.notebook",
    "ganforge.training.observers.journal",
    "ganforge.training.observers.snapshots",
    "ganforge.training.observers.tensorboard",
    "ganforge.training.observers.watch",
    "ganforge.evaluation.while_training",
)

_SECONDS_TO_LOAD, _SECONDS_FOR_EVENT = 10.0, 60.0
"""Time that an import or a registration, and an event of a run, may take before the user is warned."""


class Named(Protocol):
    """What every entry has."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...


E = TypeVar("E", bound=Named)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A plugin that is left out, and why."""

    plugin: str
    distribution: str
    reason: str

    def __str__(self) -> str:
        """One line for stderr."""
        return self.said("is left out")

    def said(self, what: str) -> str:
        """One line: the plugin, `what` happened to it, the reason."""
        return f"{_named(self.plugin, self.distribution)} {what}: {self.reason}"


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


def _to_stderr(line: str) -> None:
    try:
        print(line, file=sys.stderr)
    except BrokenPipeError:  # a closed stderr is no reason to stop a run
        redirect_to_devnull(sys.stderr)


@dataclass(kw_only=True)
class Host:
    """The plugins of this process."""

    manager: pluggy.PluginManager
    strict: bool = False
    warn: Callable[[str], None] = _to_stderr
    loaded: list[Loaded] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def add(self, name: str, load: Callable[[], object], distribution: str = "") -> None:
        """Load, register and check one plugin; a failure is recorded and printed, and raised only if strict."""
        try:
            with SlowWork(
                _SECONDS_TO_LOAD, lambda: self._warn_slow("the import", name, _SECONDS_TO_LOAD, distribution)
            ):
                hooks = self._register(name, load())
        except PluginError as error:
            self.fail(name, distribution, str(error), error)
        except KeyboardInterrupt:
            self.warn(f"ganforge: stopped at the import of {_named(name, distribution)}; {_without(name)}")
            raise
        except BaseException as error:  # a plugin may call sys.exit() at import
            self.fail(name, distribution, described(error), error)
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
        """Record and print that a plugin is left out."""
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
                    f"{given.plugin!r}; uninstall one, or leave it out with GANFORGE_PLUGINS=-{given.plugin}"
                )
            found[entry.name] = Provided(entry=entry, plugin=given.plugin)
        return found

    def find(self, hook: str, kind: type[E], name: str, word: str) -> E:
        """The entry of that name; `word` is what a user calls its kind. Raises as `provided`."""
        return self.provided(hook, kind, name, word).entry

    def provided(self, hook: str, kind: type[E], name: str, word: str) -> Provided[E]:
        """The entry of that name and its plugin; `word` is what a user calls its kind.

        Raises:
            PluginError: there is none; the message suggests near names and names plugins that failed.
        """
        entries = self.entries(hook, kind)
        if name not in entries:
            broken = "".join(f"\n{failure}" for failure in self.failures)
            raise PluginError(f"unknown {word} {name!r}; {near_names(name, entries)}{broken}")
        return entries[name]

    def given(self, hook: str) -> list[Provided[Named]]:
        """All entries that plugins give for a registration hook; a plugin that gives anything else is left out."""
        kinds = kinds_of(hook)
        found: list[Provided[Named]] = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            try:
                with SlowWork(_SECONDS_TO_LOAD, partial(self._warn_slow, hook, name, _SECONDS_TO_LOAD)):
                    entries = list(implementation.function())
                    for entry in entries:
                        check_entry(entry, kinds)
                found += [Provided(entry=entry, plugin=name) for entry in entries]
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._drop(implementation.plugin, name, f"its {hook} raised {described(error)}", error)
        return found

    def event(self, hook: str, **arguments: Any) -> None:
        """Call an event of a run in every plugin.

        A plugin that raises is reported and switched off, and the run goes on. A `GanforgeError` stops the run.
        """
        self._tell(hook, arguments, stopping=(GanforgeError, KeyboardInterrupt))

    def extend(self, hook: str, **arguments: Any) -> None:
        """Let every plugin add to what it is given; one that raises is reported and left out."""
        self._tell(hook, arguments, stopping=(KeyboardInterrupt,))

    def _tell(self, hook: str, arguments: dict[str, Any], stopping: tuple[type[BaseException], ...]) -> None:
        name = ""
        with SlowWork(_SECONDS_FOR_EVENT, lambda: self._warn_slow(hook, name, _SECONDS_FOR_EVENT)) as work:
            for implementation in getattr(self.manager.hook, hook).get_hookimpls():
                name = implementation.plugin_name
                work.restart()
                try:
                    implementation.function(*[arguments[each] for each in implementation.argnames])
                except stopping:
                    raise
                except BaseException as error:
                    self._drop(implementation.plugin, name, f"its {hook} raised {described(error)}", error)

    def _warn_slow(self, work: str, name: str, seconds: float, distribution: str = "") -> None:
        plugin = _named(name, distribution or self._distribution(name))
        self.warn(
            f"ganforge: {work} of {plugin} has taken more than {seconds:g} s, and all else waits for it; "
            f"{_without(name)}"
        )

    def _distribution(self, name: str) -> str:
        return next((each.distribution for each in self.loaded if each.name == name), "")

    def _drop(self, plugin: object, name: str, reason: str, error: BaseException) -> None:
        distribution = self._distribution(name)
        self.manager.unregister(plugin)
        self.loaded[:] = [each for each in self.loaded if each.name != name]
        self.fail(name, distribution, reason, error)


def new_host(entries: Iterable[EntryPoint] | None = None, *, strict: bool = False) -> Host:
    """A host with the default plugins and those of `entries` (default: what is installed)."""
    manager = pluggy.PluginManager("ganforge")
    manager.add_hookspecs(hookspecs)
    host = Host(manager=manager, strict=strict)
    found = sorted(_installed(host) if entries is None else entries, key=lambda entry: (entry.name, entry.value))
    choice = Choice.of(os.environ.get(VARIABLE))
    choice.refuse_unknown([entry.name for entry in found], DEFAULT_PLUGINS)
    for name in DEFAULT_PLUGINS:
        if name not in choice.without:
            host.add(name, partial(import_module, name), "ganforge")
    for entry in found:
        if choice.wants(entry.name):
            host.add(entry.name, partial(discovery.load, entry), discovery.called(entry.dist))
    return host


def _installed(host: Host) -> list[EntryPoint]:
    return discovery.installed(
        lambda name, error: host.fail("?", name, f"its entry points cannot be read: {error}", error)
    )


@cache
def default_host() -> Host:
    """The host of this process, made when first asked for."""
    return new_host(strict=strict())


def _named(plugin: str, distribution: str) -> str:
    return f"plugin {plugin!r} ({distribution})" if distribution else f"plugin {plugin!r}"


def _without(plugin: str) -> str:
    return f"{VARIABLE}=-{plugin} leaves it out"
