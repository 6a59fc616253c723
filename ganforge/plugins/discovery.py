"""The installed plugins: entry points of the group `ganforge`, filtered by GANFORGE_PLUGINS."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions

from ganforge.errors import PluginError, near_names

VARIABLE = "GANFORGE_PLUGINS"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The value of GANFORGE_PLUGINS, parsed."""

    only: frozenset[str] | None
    """The only entry points to load; None: all. The default plugins are loaded all the same."""
    without: frozenset[str]
    """Plugins to leave out, default ones too."""

    @classmethod
    def of(cls, text: str | None) -> "Choice":
        """The variable's value: `a,b` for only these, `-a,-b` for all but these; None where it is not set."""
        names = [name.strip() for name in (text or "").split(",") if name.strip()]
        without = frozenset(name.removeprefix("-") for name in names if name.startswith("-"))
        only = frozenset(name for name in names if not name.startswith("-"))
        return cls(only=None if text is None or (without and not only) else only, without=without)

    def wants(self, name: str) -> bool:
        """Whether an entry point of that name is to be loaded."""
        return name not in self.without and (self.only is None or name in self.only)

    def refuse_unknown(self, installed: Iterable[str], default: Iterable[str]) -> None:
        """Refuse a misspelt name.

        Raises:
            PluginError: the name, with near ones.
        """
        entries = set(installed)
        for wanted, known in ((self.only or (), entries), (self.without, entries | set(default))):
            unknown = sorted(set(wanted) - known)
            if unknown:
                raise PluginError(
                    f"{VARIABLE} names {unknown[0]!r}, which is not installed; {near_names(unknown[0], known)}"
                )


def installed(damaged: Callable[[str, Exception], None]) -> list[EntryPoint]:
    """The entry points of all installed distributions, one that is there twice (an old version's metadata) once.

    Metadata that cannot be read costs a line, for which `damaged` is given the distribution's name and the error:
    another's damaged file must not take the tool down.
    """
    found: list[EntryPoint] = []
    for distribution in distributions():
        try:
            found += [entry for entry in distribution.entry_points.select(group="ganforge") if entry not in found]
        except Exception as error:  # the standard library's parser answers damage with whatever comes up
            damaged(called(distribution), error)
    return found


def called(distribution: Distribution | None) -> str:
    """Name and version of a distribution, as far as they can be read."""
    if distribution is None:
        return ""
    try:
        return f"{distribution.name} {distribution.version}"
    except Exception:  # as above
        return "a distribution whose metadata is damaged"


def load(entry: EntryPoint) -> object:
    """The plugin that an entry point names, imported.

    Raises:
        PluginError: it is a class. Beside that, whatever its module raises.
    """
    plugin: object = entry.load()
    if isinstance(plugin, type):
        raise PluginError(f"the entry point is the class {plugin.__name__}; give a module, or an instance of it")
    return plugin
