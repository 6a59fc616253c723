"""`ganforge history`: plot how one or several runs went."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganforge.cli.animate import Targets, targets
from ganforge.cli.answer import Answer, answers

if TYPE_CHECKING:
    from PIL import Image

    from ganforge.evaluation.metrics_file import Measured


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--smooth", type=click.IntRange(min=1), metavar="N", help="Average over N logged values.")
@targets("losses.png")
@answers
def history(runs: tuple[Path, ...], smooth: int | None, answer: Answer, **paths: Path | None) -> None:
    """Plot the losses and measures of a RUN.

    With several runs, draws one curve for each into losses.png in the current folder.
    """
    from ganforge.errors import GanforgeError
    from ganforge.generation.animations import progress

    to = Targets.of(paths, runs[0] / "losses.png" if len(runs) == 1 else Path("losses.png"))
    if len(runs) > 1 and (to.gif or to.mp4):
        raise GanforgeError("an animation is of one run; give one, or --out alone")
    to.save(lambda: _curve(runs[0], smooth) if len(runs) == 1 else _overlaid(runs, smooth), lambda: progress(runs[0]))
    answer.say(f"{to} written", {**to.facts(), "runs": [str(run) for run in runs]})


def _curve(run: Path, smooth: int | None) -> "Image.Image":
    from ganforge.evaluation import metrics_file
    from ganforge.generation.loss_curves import draw

    title, measured = _title(run), metrics_file.read(run)
    by = f"; measured by {measured[-1].by}" if measured else ""
    return draw(_entries(run, measured), f"{title}{by}", smooth=smooth)


def _overlaid(runs: tuple[Path, ...], smooth: int | None) -> "Image.Image":
    from ganforge.evaluation import metrics_file
    from ganforge.generation.loss_overlays import overlay

    return overlay([(_title(run), _entries(run, metrics_file.read(run))) for run in runs], smooth=smooth)


def _title(run: Path) -> str:
    from ganforge.plugins.host import default_host
    from ganforge.plugins.kinds import known_kinds
    from ganforge.training.run_folder import read_recipe

    recipe = read_recipe(run, known_kinds(default_host()))
    return f"{recipe.name} on {recipe.run.backend}, {run.resolve().name}"


def _entries(run: Path, measured: "list[Measured]") -> list[Mapping[str, float]]:
    from ganforge.training.observers.journal import read

    return [*read(run), *map(_entry, measured)]


def _entry(measured: "Measured") -> Mapping[str, float]:
    return {
        "step": measured.step,
        **measured.measures,
        **{f"real_{name}": measured.real[name] for name in measured.real},
    }
