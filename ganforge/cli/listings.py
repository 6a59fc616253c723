"""`ganforge recipes`, `datasets`, `layers`, `backends`, `plugins` and the like: list what is available."""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import click

from ganforge.cli.answer import Answer, answers
from ganforge.cli.scaffold import new
from ganforge.cli.show import listing, rows_in_words

if TYPE_CHECKING:
    from ganforge.backend.contract import BackendEntry


@click.command()
@click.option("--compare", nargs=2, metavar="A B", help="Show what differs between two recipes.")
@answers
def recipes(compare: tuple[str, str] | None, answer: Answer) -> None:
    """List the recipes."""
    from ganforge.plugins.host import default_host
    from ganforge.recipes.reading import load_table
    from ganforge.recipes.schema import RecipeEntry

    host = default_host()
    if compare is not None:
        listing(_differences(*compare), answer, empty="nothing differs")
        return
    rows = []
    for name, provided in sorted(host.entries("ganforge_recipes", RecipeEntry).items()):
        table = load_table(name, host)
        rows.append({"recipe": name, "plugin": provided.plugin, "summary": table.get("summary", "")})
    listing(rows, answer, empty="no recipe is installed")


@click.command()
@answers
def datasets(answer: Answer) -> None:
    """List the data sets."""
    from ganforge.data.contract import DatasetEntry
    from ganforge.plugins.host import default_host

    rows = [
        {
            "data set": name,
            "plugin": provided.plugin,
            "needs --data": provided.entry.needs_path,
            "options": [f"data.{name}" for name in provided.entry.options.__struct_fields__],
            "summary": provided.entry.summary,
        }
        for name, provided in sorted(default_host().entries("ganforge_datasets", DatasetEntry).items())
    ]
    if not rows:
        answer.say("no data set is installed", rows)
        return
    short = rows_in_words([{name: row[name] for name in row if name != "options"} for row in rows])
    answer.say(f"{short}\n\nThe options of one: ganforge data info NAME", rows)


@click.command()
@answers
def architectures(answer: Answer) -> None:
    """List the architectures that a recipe can name."""
    from ganforge.plugins.host import default_host
    from ganforge.spec.architectures import ArchitectureEntry

    rows = [
        {"architecture": name, "plugin": provided.plugin, "summary": provided.entry.summary}
        for name, provided in sorted(default_host().entries("ganforge_architectures", ArchitectureEntry).items())
    ]
    listing(rows, answer, empty="no architecture is installed")


@click.command()
@answers
def losses(answer: Answer) -> None:
    """List the losses and penalties that a recipe can name."""
    from ganforge.plugins.host import default_host
    from ganforge.spec.losses import LossEntry, PenaltyEntry

    host = default_host()
    rows = [
        {"loss": name, "kind": "loss", "plugin": provided.plugin, "summary": provided.entry.summary}
        for name, provided in sorted(host.entries("ganforge_losses", LossEntry).items())
    ]
    rows += [
        {"loss": name, "kind": "penalty", "plugin": provided.plugin, "summary": provided.entry.summary}
        for name, provided in sorted(host.entries("ganforge_losses", PenaltyEntry).items())
    ]
    listing(rows, answer, empty="no loss is installed")


@click.command()
@answers
def layers(answer: Answer) -> None:
    """List the kinds of layers that a recipe can name."""
    from ganforge.plugins.host import default_host
    from ganforge.spec.kinds import LayerEntry

    rows = [
        {
            "layer": name,
            "plugin": provided.plugin,
            **_settings(provided.entry.layer),
            "summary": provided.entry.summary,
        }
        for name, provided in sorted(default_host().entries("ganforge_layers", LayerEntry).items())
    ]
    listing(rows, answer, empty="no kind of layer is installed")


@click.command()
@answers
def optimizers(answer: Answer) -> None:
    """List the kinds of optimizers that a recipe can name."""
    from ganforge.plugins.host import default_host
    from ganforge.spec.kinds import OptimizerEntry

    rows = [
        {
            "optimizer": name,
            "plugin": provided.plugin,
            **_settings(provided.entry.optimizer),
            "summary": provided.entry.summary,
        }
        for name, provided in sorted(default_host().entries("ganforge_optimizers", OptimizerEntry).items())
    ]
    listing(rows, answer, empty="no kind of optimizer is installed")


@click.command()
@answers
def backends(answer: Answer) -> None:
    """List the backends with their versions and devices.

    Shows how to install missing ones.
    """
    from ganforge.backend.contract import BackendEntry
    from ganforge.plugins.host import default_host
    from ganforge.training.backends import missing_modules

    rows: list[dict[str, Any]] = []
    for name, provided in sorted(default_host().entries("ganforge_backends", BackendEntry).items()):
        entry = provided.entry
        missing = missing_modules(entry)
        rows.append(
            {
                "backend": name,
                "plugin": provided.plugin,
                "installed": not missing,
                "versions": {} if missing else _versions(entry.modules),
                "to install": f"pip install '{entry.install}'" if missing else None,
                "devices": {} if missing else _devices(entry),
                "summary": entry.summary,
            }
        )
    listing(rows, answer, empty="no backend is installed")


@click.group(invoke_without_command=True)
@answers
@click.pass_context
def plugins(ctx: click.Context, answer: Answer) -> None:
    """List the plugins, and say why any were skipped."""
    if ctx.invoked_subcommand is not None:
        return
    from ganforge.plugins.host import default_host

    host = default_host()
    rows = [
        {"plugin": each.name, "from": each.distribution, "loaded": True, "hooks": list(each.hooks), "reason": None}
        for each in host.loaded
    ]
    rows += [
        {"plugin": each.plugin, "from": each.distribution, "loaded": False, "hooks": [], "reason": each.reason}
        for each in host.failures
    ]
    listing(rows, answer, empty="no plugin is loaded")


plugins.add_command(new)


def _differences(first: str, second: str) -> list[dict[str, Any]]:
    """One row for each setting in which two recipes differ, except name and summary."""
    from ganforge.plugins.host import default_host
    from ganforge.plugins.kinds import known_kinds
    from ganforge.recipes.differences import compare
    from ganforge.recipes.reading import read
    from ganforge.recipes.tables import to_table

    host = default_host()
    ours, theirs = (to_table(read(each, host, known_kinds(host))) for each in (first, second))
    return [
        {"setting": each.setting, first: each.ours, second: each.theirs}
        for each in compare(ours, theirs)
        if each.setting not in ("name", "summary")
    ]


def _settings(kind: Any) -> dict[str, list[str]]:
    """The names of a kind's settings, those that have no default apart."""
    required = len(kind.__struct_fields__) - len(kind.__struct_defaults__)
    return {"required": list(kind.__struct_fields__[:required]), "optional": list(kind.__struct_fields__[required:])}


def _devices(entry: "BackendEntry") -> dict[str, str]:
    """The devices that a framework sees and what each is, or why it fails."""
    if entry.devices is None:
        return {"cpu": ""}
    try:
        return dict(entry.devices())
    except Exception as error:  # a framework that cannot be imported is what a listing must tell of
        return {"none": f"{type(error).__name__}: {error}"}


def _versions(modules: tuple[str, ...]) -> dict[str, str]:
    """Versions by module; empty if the distribution has another name."""
    found = {}
    for module in modules:
        try:
            found[module] = version(module)
        except PackageNotFoundError:
            found[module] = ""
    return found
