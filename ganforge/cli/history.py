"""`ganforge history`: how a run went, as pictures."""

from pathlib import Path

import click

from ganforge.cli.animate import Targets, targets


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@targets("losses.png")
def history(run: Path, **paths: Path | None) -> None:
    """The loss curve of a RUN, finished or not, from its journal; as a GIF or MP4 its sample grids in turn."""
    from ganforge.generation.animations import progress
    from ganforge.generation.loss_curves import draw
    from ganforge.plugins.host import default_host
    from ganforge.plugins.kinds import known_kinds
    from ganforge.training.observers.journal import read
    from ganforge.training.run_folder import read_recipe

    to = Targets.of(paths, run / "losses.png")
    recipe = read_recipe(run, known_kinds(default_host()))
    to.save(
        lambda: draw(read(run), f"{recipe.name} on {recipe.run.backend}, {run.resolve().name}"),
        lambda: progress(run),
    )
    click.echo(f"{to} written")
