"""`ganforge data`: inspect a data set before training, download it, export it, crop it out of images."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ganforge.cli.answer import Answer, answers
from ganforge.cli.crop import crop
from ganforge.cli.data_images import dataset_argument, dataset_options, export, path_option, preview, recipe_for
from ganforge.cli.fetch import fetch

if TYPE_CHECKING:
    from msgspec.structs import FieldInfo


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
@dataset_options
@answers
def info(dataset: str, path: str | None, assignments: tuple[str, ...], answer: Answer) -> None:
    """Describe a DATASET and the images at --data.

    Shows its license and options, and which images are used, left out or changed.
    """
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
        "downloads": [msgspec.to_builtins(each) for each in entry.downloads],
        "options": {f"data.{each.name}": _default(each) for each in msgspec.structs.fields(entry.options)},
    }
    lines: list[str] = []
    if path is not None or not entry.needs_path:
        recipe = recipe_for(dataset, path, assignments)
        image_set = open_data(recipe, find_data_set(recipe, host))
        account, lines = account_of(recipe, image_set)
        facts["images"] = len(image_set)
        facts["channels"] = image_channels(image_set)
        facts["classes"] = account.classes
        facts["account"] = msgspec.to_builtins(account)
    answer.say("\n".join([*_words(facts), *lines]), [facts])


def _default(option: "FieldInfo") -> object:
    """An option's default, as plain data; None if it has none."""
    if option.default_factory is not msgspec.NODEFAULT:
        return msgspec.to_builtins(option.default_factory())
    return None if option.default is msgspec.NODEFAULT else msgspec.to_builtins(option.default)


def _words(facts: dict[str, Any]) -> Iterator[str]:
    """One line for each fact except the account, which has lines of its own."""
    options = ", ".join(f"{name}={_shown(value)}" for name, value in facts["options"].items())
    download = f"ganforge data fetch {facts['data set']}" if facts["downloads"] else "none"
    yield from (f"{name}: {facts[name]}" for name in ("data set", "summary", "license", "source"))
    yield f"download: {download}"
    yield f"options: {options or 'none'}"
    if "images" in facts:
        yield f"images: {facts['images']}"
        yield f"channels: {facts['channels']}"
        yield f"classes: {', '.join(f'{name} {count:,}' for name, count in facts['classes'].items()) or 'none'}"


def _shown(value: object) -> str:
    """A value in the form that --set takes."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
