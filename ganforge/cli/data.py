"""`ganforge data`: look at a data set before training on it; fetch it or cut it out of pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganforge.cli.crop import crop
from ganforge.cli.fetch import fetch
from ganforge.cli.show import listing, preparing

if TYPE_CHECKING:
    from ganforge.recipes.schema import Recipe


@click.group()
def data() -> None:
    """Look at data sets, fetch them, make them."""


data.add_command(fetch)
data.add_command(crop)


@data.command()
@click.argument("dataset")
@click.option("--data", "path", help="Where its pictures lie.")
@click.option("--set", "assignments", multiple=True, metavar="KEY.PATH=VALUE", help="An option, as data.split=test.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def info(dataset: str, path: str | None, assignments: tuple[str, ...], as_json: bool) -> None:
    """What a DATASET is, its terms, and what lies at --data."""
    from ganforge.data.contract import DatasetEntry
    from ganforge.data.preparing import image_channels
    from ganforge.plugins.host import default_host
    from ganforge.training.data_sets import open_data
    from ganforge.training.parts import find_data_set

    host = default_host()
    entry = host.find("ganforge_datasets", DatasetEntry, dataset, "data set")
    facts: dict[str, Any] = {
        "data set": entry.name,
        "summary": entry.summary,
        "license": entry.license,
        "source": entry.source,
        "download": f"ganforge data fetch {entry.name}" if entry.downloads else "none",
    }
    if path is not None or not entry.needs_path:
        recipe = _recipe(dataset, path, assignments)
        image_set = open_data(recipe, find_data_set(recipe, host))
        facts["pictures"] = len(image_set)
        facts["channels"] = image_channels(image_set)
        counts = [0] * len(image_set.class_names)
        for index in range(len(image_set)) if counts else ():
            counts[image_set.label(index)] += 1
        facts["classes"] = dict(zip(image_set.class_names, counts, strict=True))
    if as_json:
        listing([facts], as_json=True, empty="")
        return
    for name, value in facts.items():
        shown = ", ".join(f"{each} {count:,}" for each, count in value.items()) if isinstance(value, dict) else value
        click.echo(f"{name}: {shown if shown != '' else 'none'}")


@data.command()
@click.argument("dataset")
@click.option("--data", "path", help="Where its pictures lie.")
@click.option("--image-size", default="64", show_default=True, help="One number, or HEIGHTxWIDTH.")
@click.option("--count", type=click.IntRange(min=1), default=64, show_default=True, help="Pictures in the grid.")
@click.option("--set", "assignments", multiple=True, metavar="KEY.PATH=VALUE", help="An option, as data.split=test.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("preview.png"), show_default=True)
def preview(
    dataset: str, path: str | None, image_size: str, count: int, assignments: tuple[str, ...], out: Path
) -> None:
    """A grid of a DATASET's pictures, prepared as for training, spread over the set."""
    import numpy as np

    from ganforge.generation.grids import grid, save_png
    from ganforge.plugins.host import default_host
    from ganforge.training.data_sets import decode, with_data
    from ganforge.training.parts import find_data_set

    if out.suffix != ".png":
        raise click.BadParameter(f"{out} must end in .png", param_hint="--out")
    recipe = _recipe(dataset, path, (*assignments, f"image_size={image_size}"))
    completed, image_set = with_data(recipe, find_data_set(recipe, default_host()))
    with preparing() as tell:
        ready = decode(completed, image_set, tell)
    for skipped in ready.skipped:
        click.echo(f"skipped {skipped.where}: {skipped.reason}", err=True)
    chosen = np.linspace(0, len(ready.images) - 1, min(count, len(ready.images))).astype(np.int64)
    columns = int(np.ceil(np.sqrt(len(chosen))))
    caption = f"{dataset}: {len(chosen)} of {len(ready.images):,} pictures"
    save_png(grid(ready.images[chosen], columns=columns, caption=caption), out)
    click.echo(f"{out}: {len(chosen)} of {len(ready.images):,} pictures; {len(ready.skipped)} skipped")


def _recipe(dataset: str, path: str | None, assignments: tuple[str, ...]) -> "Recipe":
    """An unconditional recipe that names the data set, of the plainest kind."""
    from ganforge._io.paths import expanded
    from ganforge.recipes.laying import override, parse_assignments
    from ganforge.recipes.parsing import parse

    table: dict[str, Any] = {"name": "preview", "data": {"set": dataset}}
    if path is not None:
        table = override(table, {"data.path": str(expanded(path).absolute())})
    return parse(override(table, parse_assignments(assignments)))
