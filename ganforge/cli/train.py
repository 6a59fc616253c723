"""`ganforge train`: train a recipe from its first step to its last."""

from pathlib import Path
from typing import Any

import click

from ganforge.cli.answer import Answer, answers
from ganforge.cli.assignments import set_option
from ganforge.cli.devices import device_option
from ganforge.cli.show import plan, plan_facts, preparing, tell_json


@click.command()
@click.option("--recipe", help="Recipe name or TOML file. [default: that of --from, dcgan with --data, or digits]")
@click.option("--backend", help="Backend to train with. [default: the first installed]")
@click.option("--dataset", help="Use this data set instead of the recipe's.")
@click.option("--data", "path", help="Path of the images.")
@click.option("--steps", type=click.IntRange(min=1), help="Total number of steps.")
@click.option("--epochs", type=click.IntRange(min=1), help="Number of epochs, instead of --steps.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images per batch.")
@click.option("--seed", type=click.IntRange(min=0), help="Random seed.")
@click.option("--precision", type=click.Choice(["float32", "float64", "bfloat16"]), help="Floating-point precision.")
@device_option("Device to train on.")
@click.option("--checkpoint-every", type=click.IntRange(min=1), help="Steps between checkpoints.")
@click.option("--sample-every", type=click.IntRange(min=1), help="Steps between sample grids.")
@click.option("--keep", type=click.IntRange(min=1), help="Number of recent checkpoints to keep.")
@click.option("--keep-every", type=click.IntRange(min=1), help="Steps between checkpoints that are kept permanently.")
@click.option("--evaluate-every", type=click.IntRange(min=1), help="Steps between evaluations (metrics.jsonl).")
@click.option(
    "--keep-best",
    type=click.Choice(["kid", "frechet", "mind"]),
    help="Keep the checkpoint that is best by this measure. Evaluates every checkpoint, or every --evaluate-every.",
)
@click.option(
    "--from",
    "weights_from",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Start from the weights of another run or of a saved model, as far as they fit.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder. [default: runs/NNNNN-recipe-backend]")
@set_option("Set any value of the recipe; none leaves it out.")
@click.option("--dry-run", is_flag=True, help="Show the resolved recipe, the layers and the cost, then exit.")
@answers
def train(
    recipe: str | None,
    dataset: str | None,
    path: str | None,
    evaluate_every: int | None,
    keep_best: str | None,
    weights_from: Path | None,
    out: Path | None,
    assignments: tuple[str, ...],
    dry_run: bool,
    answer: Answer,
    **settings: Any,
) -> None:
    """Train a GAN. By default: handwritten digits, in about a minute.

    With --data and no recipe, inspects your images and trains dcgan on them at a suitable size, conditionally if there
    are classes.
    """
    from ganforge.plugins.host import default_host
    from ganforge.plugins.kinds import known_kinds
    from ganforge.recipes.laying import parse_assignments
    from ganforge.recipes.reading import DEFAULT_RECIPE, RecipeLike, read
    from ganforge.training import starting
    from ganforge.training.looking import FOLDER, look, open_at
    from ganforge.training.weights_from import begin_with, read_earlier

    if settings["steps"] and settings["epochs"]:
        raise click.UsageError("give either --steps or --epochs")
    asked = {"evaluation.every": evaluate_every, "evaluation.keep_best": keep_best}
    measured = {key: value for key, value in asked.items() if value is not None}
    host = default_host()
    earlier = None if weights_from is None else read_earlier(weights_from, host)
    chosen: RecipeLike = recipe or (DEFAULT_RECIPE if earlier is None else earlier.recipe)
    found = None
    if recipe is None and earlier is None and path is not None:
        found = look(open_at(path, dataset, parse_assignments(assignments), host), dataset or FOLDER)
        chosen, dataset = found.table, found.dataset
    given = read(
        chosen,
        host,
        known_kinds(host),
        data=path,
        dataset=dataset,
        overrides=measured | parse_assignments(assignments),
        **settings,
    )
    if found is not None and answer.words:
        click.echo(found.told(given), err=True)
    experiment = starting.plan(given, host, dry_run=dry_run)
    if dry_run:
        begun = None if earlier is None else begin_with(earlier, experiment)
        experiment = experiment if begun is None else begun.experiment
        if begun is not None and answer.words:
            click.echo(begun.told(), err=True)
        answer.say(plan(experiment), plan_facts(experiment))
        return
    with preparing(answer.words) as tell:
        run = starting.train_experiment(
            experiment, host, earlier=earlier, out=out, quiet=not answer.words, on_progress=tell
        )
    tell_json(answer, run)
    if run.interrupted:
        raise KeyboardInterrupt
