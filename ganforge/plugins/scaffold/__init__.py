"""Write a project for a new plugin: a distribution with an entry point, a module to fill in and a test that passes.

The projects stand beside this file as templates, one folder a kind; `$name` and the like are filled in, `MODULE` in a
path becomes the module's name.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

from ganforge._io.paths import expanded
from ganforge.errors import PluginError
from ganforge.plugins.host import Host

KindName: TypeAlias = Literal[
    "dataset", "architecture", "layer", "loss", "optimizer", "recipe", "backend", "command", "events"
]

_NAME = re.compile(r"(?!ganforge)[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40
_SUFFIX = ".template"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of plugin that can be begun."""

    word: str
    """As people say it."""
    distribution: str
    """The name of its distribution, with the plugin's in place of NAME."""
    hook: str | None
    """Whose entries have names that are taken; None: it registers none."""
    underscored: bool = False
    """Whether recipes write its hyphens as underscores, as the kinds of layers are."""

    def called(self, name: str) -> str:
        """What recipes call it."""
        return name.replace("-", "_") if self.underscored else name


KINDS: dict[KindName, Kind] = {
    "dataset": Kind(word="data set", distribution="ganforge-NAME", hook="ganforge_datasets"),
    "architecture": Kind(word="architecture", distribution="ganforge-architecture-NAME", hook="ganforge_architectures"),
    "layer": Kind(word="layer", distribution="ganforge-layer-NAME", hook="ganforge_layers", underscored=True),
    "loss": Kind(word="loss", distribution="ganforge-loss-NAME", hook="ganforge_losses"),
    "optimizer": Kind(
        word="optimizer", distribution="ganforge-optimizer-NAME", hook="ganforge_optimizers", underscored=True
    ),
    "recipe": Kind(word="recipe", distribution="ganforge-recipe-NAME", hook="ganforge_recipes"),
    "backend": Kind(word="backend", distribution="ganforge-NAME", hook="ganforge_backends"),
    "command": Kind(word="command", distribution="ganforge-command-NAME", hook=None),
    "events": Kind(word="plugin", distribution="ganforge-events-NAME", hook=None),
}


def write_project(kind: KindName, name: str, out: Path | None, host: Host, *, commands: Container[str] = ()) -> Path:
    """Write the project of a new plugin, whole or not at all; returns its folder.

    Args:
        kind: what the plugin gives.
        name: what recipes and the command line will call it: lower case, digits and hyphens.
        out: the project's folder, which must not exist; by default the distribution's name, here.
        host: the plugins that are there already.
        commands: the commands that are there already, for a plugin that adds one.

    Raises:
        PluginError: a name that cannot be used or is taken, a folder that exists, or one that cannot be written.
    """
    chosen = KINDS[kind]
    _check_name(name, chosen, host)
    if kind == "command" and name in commands:
        raise PluginError(f"there is a command {name!r} already; take another name")
    distribution = chosen.distribution.replace("NAME", name)
    module = distribution.replace("-", "_")
    if find_spec(module) is not None:
        raise PluginError(f"a module {module} is installed already; take another name than {name!r}")
    folder = Path(distribution) if out is None else expanded(out)
    if folder.exists() or folder.is_symlink():
        raise PluginError(f"{folder} already exists; give another folder with --out")
    names = {"name": name, "kind": chosen.called(name), "distribution": distribution, "module": module}
    names["plugin"] = distribution.removeprefix("ganforge-")
    try:
        _write(Path(__file__).parent / kind, folder, names)
    except OSError as error:
        raise PluginError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def _check_name(name: str, kind: Kind, host: Host) -> None:
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        near = _near(name)
        hint = f"; did you mean {near!r}?" if near else ""
        article = "an" if kind.word[0] in "aeiou" else "a"
        raise PluginError(
            f"{name!r} cannot be the name of {article} {kind.word}: lower case letters, digits and single hyphens, "
            f"a letter first, at most {_LONGEST}, and no 'ganforge' in front{hint}"
        )
    given = host.given(kind.hook) if kind.hook else []
    taken = next((each for each in given if each.entry.name == kind.called(name)), None)
    if taken is not None:
        raise PluginError(f"the name {name!r} is taken, by plugin {taken.plugin!r}; take another")


def _near(name: str) -> str:
    """The nearest name that could be used; empty where nothing is left."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
    plain = re.sub(r"[^a-z0-9]+", "-", spaced.lower())
    return re.sub(r"^((ganforge)?[-0-9]*)+", "", plain)[:_LONGEST].strip("-")


def _write(templates: Path, folder: Path, names: dict[str, str]) -> None:
    """Fill in every template below `templates`; `folder` appears when all is there."""
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
        draft = Path(work) / folder.name
        for template in sorted(templates.rglob(f"*{_SUFFIX}")):
            relative = str(template.relative_to(templates)).removesuffix(_SUFFIX)
            path = draft / relative.replace("MODULE", names["module"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(template.read_text(encoding="utf-8")).substitute(names), encoding="utf-8")
        draft.rename(folder)
