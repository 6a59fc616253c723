"""`ganforge history`: how a run went, as pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganforge.cli.animate import Targets, targets

if TYPE_CHECKING:
    from ganforge.evaluation.metrics_file import Measured


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@targets("losses.png")
def history(run: Path, **paths: Path | None) -> None:
    """The loss curve of a RUN, finished or not, and what was measured; as a GIF or MP4 its sample grids in turn."""
    from ganforge.evaluation import metrics_file
    from ganforge.generation.animations import progress
    from ganforge.generation.loss_curves import draw
    from ganforge.plugins.host import default_host
    from ganforge.plugins.kinds import known_kinds
    from ganforge.training.observers.journal import read
    from ganforge.training.run_folder import read_recipe

    to = Targets.of(paths, run / "losses.png")
    recipe = read_recipe(run, known_kinds(default_host()))
    measured = metrics_file.read(run)
    by = f"; measured by {measured[-1].by}" if measured else ""
    to.save(
        lambda: draw(
            [*read(run), *map(_entry, measured)], f"{recipe.name} on {recipe.run.backend}, {run.resolve().name}{by}"
        ),
        lambda: progress(run),
    )
    click.echo(f"{to} written")


def _entry(measured: "Measured") -> Mapping[str, float]:
    return {
        "step": measured.step,
        **measured.measures,
        **{f"real_{name}": measured.real[name] for name in measured.real},
    }
