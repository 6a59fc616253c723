"""`ganforge sample`: draw images with a trained run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganforge._io.words import counted
from ganforge.cli.answer import Answer, answers
from ganforge.cli.devices import device_option
from ganforge.cli.labels import chosen, labels_option
from ganforge.cli.parameter_types import RANGES

if TYPE_CHECKING:
    from ganforge.generation.model import Model


@click.command()
@click.argument("run", metavar="RUN|FILE", type=click.Path(path_type=Path))
@click.option("--seeds", type=RANGES, default="0-63", show_default=True, help="Seeds to draw, e.g. 0-63 or 3,8,21.")
@labels_option("Draw every seed once for each of these classes")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A grid (.png, .jpg, .webp), arrays (.npz), or a folder of single files. [default: sample.png in RUN]",
)
@click.option(
    "--format",
    "suffix",
    type=click.Choice(["png", "jpg", "webp"]),
    default="png",
    show_default=True,
    help="Format of single files.",
)
@click.option("--columns", type=click.IntRange(min=1), help="Images per row of the grid.")
@click.option("--scale", type=click.IntRange(1, 64), help="Enlarge each image of the grid by this factor.")
@click.option("--show-seeds", is_flag=True, help="Print the seed below each image of the grid.")
@click.option("--best", is_flag=True, help="Use the best checkpoint (see `train --keep-best`) instead of the newest.")
@click.option("--checkpoint", type=click.IntRange(min=1), metavar="STEP", help="Use the checkpoint of this step.")
@click.option(
    "--statistics",
    type=click.IntRange(min=1),
    metavar="BATCHES",
    help="Estimate the batch statistics of the averaged weights anew from this many generated batches.",
)
@click.option("--exact", is_flag=True, help="Make each image independent of the others bit for bit; slower.")
@click.option("--backend", help="Backend to sample with. [default: the run's]")
@device_option("Device to draw on.")
@answers
def sample(
    run: Path,
    seeds: list[int],
    labels: str | None,
    out: Path | None,
    suffix: str,
    columns: int | None,
    scale: int | None,
    show_seeds: bool,
    best: bool,
    checkpoint: int | None,
    statistics: int | None,
    exact: bool,
    backend: str | None,
    device: str | None,
    answer: Answer,
) -> None:
    """Draw images from a RUN or from the FILE of a saved model.

    A seed gives the same image, to within one grey level, whatever other seeds are drawn. Without --labels, a
    conditional run draws the label (seed modulo the number of classes).
    """
    from ganforge.generation.grids import FORMATS
    from ganforge.generation.sampling import GridStyle, save_files, save_grid, save_npz
    from ganforge.generation.statistics import estimate_statistics
    from ganforge.training.models import load

    if best and checkpoint is not None:
        raise click.UsageError("--best and --checkpoint both choose a checkpoint; give one of them")
    out = out or (run / "sample.png" if run.is_dir() else run.with_suffix(".png"))
    if out.suffix not in (*FORMATS, ".npz", ""):
        raise click.BadParameter(
            f"{out} must end in {', '.join(FORMATS)} or .npz, or name a folder", param_hint="--out"
        )
    model: Model = load(run, best=best, checkpoint=checkpoint, backend=backend, device=device)
    if statistics is not None:
        estimate_statistics(model.gan, model.session, statistics)
    numbers = chosen(labels, model.recipe.class_names, model.recipe.name)
    if out.suffix == ".npz":
        count = save_npz(model, seeds, numbers, out, exact=exact)
    elif out.suffix:
        style = GridStyle(columns=columns, scale=scale, seeds=show_seeds)
        count = save_grid(model, seeds, numbers, out, style, exact=exact)
    else:
        count = save_files(model, seeds, numbers, out, f".{suffix}", exact=exact)
    words = f"{out}: {counted(count, 'image')}, drawn after {counted(model.step, 'step')}"
    answer.say(words, {"out": out, "images": count, "step": model.step, "seeds": seeds, "labels": numbers})
