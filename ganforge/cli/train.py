"""`ganforge train`: train a recipe from its first step to its last."""

from pathlib import Path
from typing import Any

import click

from ganforge.cli.show import plan, preparing


@click.command()
@click.option("--recipe", default="digits", show_default=True, help="Name of a recipe, or path of a TOML file.")
@click.option("--backend", help="Framework to train with. [default: the first that is installed]")
@click.option("--dataset", help="Another data set than the recipe's.")
@click.option("--data", "path", help="Where the data set's pictures lie.")
@click.option("--steps", type=click.IntRange(min=1), help="Steps in all.")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the data set, instead of --steps.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Pictures in a batch.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of all randomness.")
@click.option("--precision", type=click.Choice(["float32", "float64", "bfloat16"]), help="Of the arithmetic.")
@click.option("--checkpoint-every", type=click.IntRange(min=1), help="Steps between checkpoints.")
@click.option("--sample-every", type=click.IntRange(min=1), help="Steps between sample grids.")
@click.option("--keep", type=click.IntRange(min=1), help="Newest checkpoints that are kept.")
@click.option("--keep-every", type=click.IntRange(min=1), help="Steps between checkpoints that are kept for good.")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder. [default: runs/NNNNN-recipe-backend]")
@click.option("--set", "assignments", multiple=True, metavar="KEY.PATH=VALUE", help="Any value of the recipe.")
@click.option("--dry-run", is_flag=True, help="Show the resolved recipe, the layers and the cost, and stop.")
def train(
    recipe: str,
    backend: str | None,
    dataset: str | None,
    path: str | None,
    steps: int | None,
    epochs: int | None,
    batch_size: int | None,
    out: Path | None,
    assignments: tuple[str, ...],
    dry_run: bool,
    **run: Any,
) -> None:
    """Train a GAN. With nothing else said: handwritten digits, in about a minute."""
    from ganforge.recipes.reading import set_run_length
    from ganforge.training import api

    if steps and epochs:
        raise click.UsageError("give either --steps or --epochs")
    overrides: dict[str, Any] = {"run": {key: value for key, value in run.items() if value is not None}}
    if batch_size:
        overrides["training"] = {"batch_size": batch_size}
    given = api.load_recipe(recipe, dataset=dataset, data=path, overrides=overrides, assignments=assignments)
    given = set_run_length(given, steps=steps, epochs=epochs)
    if dry_run:
        resolved, gan = api.plan(given, backend)
        click.echo(plan(resolved, gan))
        return
    with preparing() as tell:
        api.train(given, backend=backend, out=out, quiet=False, on_progress=tell)
