"""`ganforge interpolate`: images between those of two seeds."""

from pathlib import Path

import click

from ganforge._io.words import counted
from ganforge.cli.animate import Targets, targets
from ganforge.cli.answer import Answer, answers
from ganforge.cli.devices import device_option
from ganforge.cli.labels import chosen, labels_option
from ganforge.cli.parameter_types import RANGES


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--seeds", type=RANGES, required=True, help="Two or more seeds to pass through, e.g. 3,8,21.")
@labels_option("Interpolate once for each of these labels")
@click.option("--steps", type=click.IntRange(min=2), default=10, show_default=True, help="Images between two seeds.")
@targets("walk.png")
@click.option("--backend", help="Backend to sample with. [default: the run's]")
@device_option("Device to draw on.")
@answers
def interpolate(
    run: Path,
    seeds: list[int],
    labels: str | None,
    steps: int,
    backend: str | None,
    device: str | None,
    answer: Answer,
    **paths: Path | None,
) -> None:
    """Interpolate between seeds of a RUN.

    Interpolates normal latents along the arc (slerp) and uniform ones along a straight line. A conditional run keeps
    one label throughout, by default the first seed modulo the number of classes.
    """
    from ganforge.generation import latent_walks
    from ganforge.training.models import load

    to = Targets.of(paths, run / "walk.png")
    model = load(run, backend=backend, device=device)
    numbers = chosen(labels, model.recipe.class_names, model.recipe.name)
    strips = latent_walks.interpolate(model, seeds=seeds, labels=numbers, steps=steps)
    caption = f"{model.recipe.name}, step {model.step:,}"
    way = latent_walks.joined(strips, len(seeds) - 1)
    to.save(lambda: latent_walks.sheet(strips, caption), lambda: latent_walks.frames(way, caption))
    words = f"{to}: {len(strips)} x {steps} images, drawn after {counted(model.step, 'step')}"
    answer.say(words, {**to.facts(), "strips": [strip.name for strip in strips], "images": steps, "step": model.step})
