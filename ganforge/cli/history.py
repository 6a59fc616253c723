"""`ganforge history`: how a run went, as pictures."""

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="losses.png")
def history(run: Path, out: Path) -> None:
    """The loss curve of a RUN, finished or not, from its journal."""
    from ganforge.curves import draw
    from ganforge.default_plugins.journal import read
    from ganforge.images import save_png
    from ganforge.run import read_recipe

    if out.suffix != ".png":
        raise click.BadParameter(f"{out} must end in .png", param_hint="--out")
    recipe = read_recipe(run)
    entries = read(run)
    save_png(draw(entries, f"{recipe.name} on {recipe.run.backend}, {run.resolve().name}"), out)
    click.echo(f"{out}: {len(entries)} logged steps")
