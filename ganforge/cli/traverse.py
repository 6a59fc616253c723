"""`ganforge traverse`: show what one latent element, or the label, changes."""

from pathlib import Path

import click

from ganforge._io.words import counted
from ganforge.cli.animate import Targets, targets
from ganforge.cli.answer import Answer, answers
from ganforge.cli.devices import device_option
from ganforge.cli.labels import chosen, labels_option
from ganforge.cli.parameter_types import RANGES, SPAN


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--dim", "dims", type=RANGES, multiple=True, help="Latent elements to vary, e.g. 17 or 0-9.")
@click.option("--seeds", type=RANGES, default="0", show_default=True, help="Seeds of the starting latents, e.g. 3,8.")
@labels_option("Draw a strip for each of these labels, or without --dim vary the label")
@click.option("--steps", type=click.IntRange(min=2), default=20, show_default=True, help="Images per strip.")
@click.option("--span", type=SPAN, help="First and last value. [default: the latent's range, or -3,3 if normal]")
@targets("strips.png")
@click.option("--backend", help="Backend to sample with. [default: the run's]")
@device_option("Device to draw on.")
@answers
def traverse(
    run: Path,
    dims: tuple[list[int], ...],
    seeds: list[int],
    labels: str | None,
    steps: int,
    span: tuple[float, float] | None,
    backend: str | None,
    device: str | None,
    answer: Answer,
    **paths: Path | None,
) -> None:
    """Vary one latent element of a RUN and keep the rest.

    With --labels and without --dim, varies the label instead: ganforge traverse RUN --seeds 3,8 --labels 0-9
    """
    from ganforge.generation import latent_walks
    from ganforge.training.models import load

    to = Targets.of(paths, run / "strips.png")
    if not dims and labels is None:
        raise click.UsageError("give --dim, the latent element to vary, or --labels")
    model = load(run, backend=backend, device=device)
    numbers = chosen(labels, model.recipe.class_names, model.recipe.name)
    if dims:
        swept = [dim for each in dims for dim in each]
        strips = latent_walks.traverse(model, dims=swept, seeds=seeds, labels=numbers, steps=steps, span=span)
        low, high = span or latent_walks.span_of(model.gan.protocol.latent)
        caption = f"{model.recipe.name}, step {model.step:,}: {low:g} to {high:g}"
    else:
        strips = latent_walks.sweep_labels(model, seeds=seeds, labels=numbers or [])
        swept_names = ", ".join(model.recipe.class_names[number] for number in numbers or [])
        caption = f"{model.recipe.name}, step {model.step:,}: labels {swept_names}"
    to.save(lambda: latent_walks.sheet(strips, caption), lambda: latent_walks.frames(strips, caption))
    each = len(strips[0].images)
    words = f"{to}: {len(strips)} x {each} images, drawn after {counted(model.step, 'step')}"
    answer.say(words, {**to.facts(), "strips": [strip.name for strip in strips], "images": each, "step": model.step})
