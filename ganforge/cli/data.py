"""`ganforge data`: look at a data set before training on it; fetch it, export it, cut it out of images."""

from typing import Any

import click

from ganforge.cli.crop import crop
from ganforge.cli.data_images import dataset_argument, export, path_option, preview, recipe_for, set_option
from ganforge.cli.fetch import fetch
from ganforge.cli.show import listing


@click.group()
def data() -> None:
    """Inspect, download, create and export data sets."""


data.add_command(fetch)
data.add_command(crop)
data.add_command(preview)
data.add_command(export)


@data.command()
@dataset_argument
@path_option
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(dataset: str, path: str | None, assignments: tuple[str, ...], as_json: bool) -> None:
    """Describe a DATASET and the images at --data.

    Shows its license and options, and which images are used, left out or changed.
    """
    import msgspec

    from ganforge.data.contract import DatasetEntry
    from ganforge.data.preparing import image_channels
    from ganforge.plugins.host import default_host
    from ganforge.training.data_sets import account_of, open_data
    from ganforge.training.parts import find_data_set

    host = default_host()
    entry = host.find("ganforge_datasets", DatasetEntry, dataset, "data set")
    facts: dict[str, Any] = {
        "data set": entry.name,
        "summary": entry.summary,
        "license": entry.license,
        "source": entry.source,
        "download": f"ganforge data fetch {entry.name}" if entry.downloads else "none",
        "options": {f"data.{each.name}": each.default for each in msgspec.structs.fields(entry.options)},
    }
    lines: list[str] = []
    if path is not None or not entry.needs_path:
        recipe = recipe_for(dataset, path, assignments)
        image_set = open_data(recipe, find_data_set(recipe, host))
        account, lines = account_of(recipe, image_set)
        facts["images"] = len(image_set)
        facts["channels"] = image_channels(image_set)
        facts["classes"] = account.classes
        facts |= {"account": msgspec.to_builtins(account)} if as_json else {}
    if as_json:
        listing([facts], as_json=True, empty="")
        return
    facts["options"] = ", ".join(f"{name}={_shown(value)}" for name, value in facts["options"].items())
    for name, value in facts.items():
        shown = ", ".join(f"{each} {count:,}" for each, count in value.items()) if isinstance(value, dict) else value
        click.echo(f"{name}: {shown if shown != '' else 'none'}")
    for line in lines:
        click.echo(line)


def _shown(value: object) -> str:
    """A value as --set takes it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
