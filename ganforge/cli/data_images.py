"""`ganforge data preview` and `data export`: the images of a data set as the networks see them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganforge.cli.answer import Answer, answers
from ganforge.cli.assignments import set_option
from ganforge.cli.show import preparing

if TYPE_CHECKING:
    from ganforge.data.preparing import Prepared
    from ganforge.recipes.schema import Recipe

_COLUMNS = 8
"""Columns in a grid of augmented images."""


def _no_path(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """A path in the place of the name is a frequent mistake."""
    if Path(value).exists() and (Path(value).name != value or Path(value).suffix):
        raise click.BadParameter(f"{value} is a path, not a data set's name; give it as --data {value}")
    return value


dataset_argument = click.argument("dataset", default="folder", callback=_no_path)
path_option = click.option("--data", "path", help="Path of the images: a folder, an archive or a file of arrays.")
dataset_options = set_option("Set an option of the data set, e.g. data.split=test.")


@click.command()
@dataset_argument
@path_option
@click.option("--image-size", default="64", show_default=True, help="Size in pixels: N, or HEIGHTxWIDTH.")
@click.option("--count", type=click.IntRange(min=1), default=64, show_default=True, help="Number of images.")
@dataset_options
@click.option("--recipe", "augmenting", help="Augment the images as this recipe does.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("preview.png"),
    show_default=True,
    help="PNG file to write.",
)
@answers
def preview(
    dataset: str,
    path: str | None,
    image_size: str,
    count: int,
    assignments: tuple[str, ...],
    augmenting: str | None,
    out: Path,
    answer: Answer,
) -> None:
    """Draw a DATASET's images as the networks see them.

    The grid shows images from the whole set, with their classes. With --recipe, or --set training.augment, each row
    shows an image followed by augmented versions of it.
    """
    import numpy as np

    from ganforge.generation.augmented_images import augmented_rows
    from ganforge.generation.grids import grid, save_png

    if out.suffix != ".png":
        raise click.BadParameter(f"{out} must end in .png", param_hint="--out")
    recipe = recipe_for(dataset, path, (*assignments, f"image_size={image_size}"), augmenting)
    ready, facts = _prepared(recipe, answer)
    augment = recipe.training.augment
    if augment is not None:
        count = -(-count // _COLUMNS)
    chosen = np.linspace(0, len(ready.images) - 1, min(count, len(ready.images))).astype(np.int64)
    names = () if ready.labels is None else [ready.class_names[label] for label in ready.labels[chosen]]
    caption = f"{dataset}: {len(chosen)} of {len(ready.images):,} images"
    if augment is None:
        save_png(grid(ready.images[chosen], caption=caption, names=names), out)
    else:
        images = augmented_rows(augment, ready.images[chosen], columns=_COLUMNS, seed=recipe.run.seed)
        save_png(grid(images, columns=_COLUMNS, caption=f"{caption}, augmented", rows=names), out)
    answer.say(
        f"{out}: {len(chosen)} of {len(ready.images):,} images; {len(ready.skipped)} skipped",
        {"preview": str(out), "shown": len(chosen), **facts},
    )


@click.command()
@dataset_argument
@path_option
@click.option("--run", "run", type=click.Path(path_type=Path), help="Export the images that this run was trained on.")
@click.option("--image-size", default="64", show_default=True, help="Size in pixels: N, or HEIGHTxWIDTH.")
@click.option("--count", type=click.IntRange(min=1), help="Number of images, taken from the whole set. [default: all]")
@dataset_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to create.")
@answers
def export(
    dataset: str,
    path: str | None,
    run: Path | None,
    image_size: str,
    count: int | None,
    assignments: tuple[str, ...],
    out: Path,
    answer: Answer,
) -> None:
    """Save a DATASET's images as PNG files, prepared for training.

    Each class gets a subfolder. Other programs, such as those that compute the FID, can then read exactly what the
    networks see.
    """
    import numpy as np

    from ganforge._io.paths import expanded
    from ganforge.generation.exports import write_images
    from ganforge.training.run_folder import read_recipe

    if run is None:
        recipe = recipe_for(dataset, path, (*assignments, f"image_size={image_size}"))
    else:
        recipe = _with_values(read_recipe(expanded(run)), path, assignments)
    ready, facts = _prepared(recipe, answer)
    chosen = np.linspace(0, len(ready.images) - 1, min(count or len(ready.images), len(ready.images))).astype(np.int64)
    labels = None if ready.labels is None else ready.labels[chosen]
    write_images(ready.images, chosen, expanded(out), labels=labels, class_names=ready.class_names)
    height, width, channels = ready.images.shape[1:]
    answer.say(
        f"{out}: {len(chosen):,} images of {height}x{width}x{channels}",
        {"folder": str(out), "written": len(chosen), **facts},
    )


def recipe_for(dataset: str, path: str | None, assignments: tuple[str, ...], augmenting: str | None = None) -> "Recipe":
    """A plain, unconditional recipe on a data set.

    augmenting: a recipe whose augmentation it takes over.
    """
    from ganforge._io.paths import expanded
    from ganforge.errors import RecipeError
    from ganforge.plugins.host import default_host
    from ganforge.recipes.laying import override, parse_assignments
    from ganforge.recipes.leaving_out import is_nothing
    from ganforge.recipes.parsing import parse
    from ganforge.recipes.reading import load_table

    table: dict[str, Any] = {"name": "preview", "data": {"set": dataset}}
    if augmenting is not None:
        augment = load_table(augmenting, default_host()).get("training", {}).get("augment")
        if is_nothing(augment):
            raise RecipeError(f"recipe {augmenting!r} has no [training.augment]; leave --recipe out")
        table["training"] = {"augment": augment}
    if path is not None:
        table = override(table, {"data.path": str(expanded(path).absolute())})
    return parse(override(table, parse_assignments(assignments)))


def _with_values(recipe: "Recipe", path: str | None, assignments: tuple[str, ...]) -> "Recipe":
    """A run's recipe with values of `[data]` replaced."""
    from ganforge.plugins.host import default_host
    from ganforge.recipes.laying import parse_assignments
    from ganforge.recipes.reading import read

    return read(recipe, default_host(), data=path, overrides=parse_assignments(assignments))


def _prepared(recipe: "Recipe", answer: Answer) -> tuple["Prepared", dict[str, Any]]:
    """The recipe's images, and facts about them, which are also printed in words."""
    import msgspec

    from ganforge.plugins.host import default_host
    from ganforge.training.data_sets import account_of, decode, with_data
    from ganforge.training.parts import find_data_set

    completed, image_set = with_data(recipe, find_data_set(recipe, default_host()))
    account, lines = account_of(completed, image_set)
    with preparing(answer.words) as tell:
        ready = decode(completed, image_set, tell)
    lines += [f"skipped {skipped.where}: {skipped.reason}" for skipped in ready.skipped]
    if answer.words:
        for line in lines:
            click.echo(line, err=True)
    skipped = [msgspec.to_builtins(each) for each in ready.skipped]
    return ready, {"images": len(ready.images), "skipped": skipped, "account": msgspec.to_builtins(account)}
