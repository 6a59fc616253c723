"""`ganforge plugins new`: begin a plugin."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganforge.plugins.scaffold import KindName

KINDS = ("dataset", "architecture", "layer", "loss", "optimizer", "recipe", "backend", "command", "events")


@click.command()
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS))
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="The project's folder. [default: the distribution's name]")
@click.pass_context
def new(context: click.Context, kind: "KindName", name: str, out: Path | None) -> None:
    """Create a plugin project: pyproject.toml, module, test and README.

    KIND is dataset, architecture, layer, loss, optimizer, recipe, backend, command or events.

    Its tests pass as written. docs/plugins.md describes what each kind of plugin can do; write-a-dataset.md,
    write-a-layer.md, write-a-loss.md, write-an-optimizer.md, write-a-recipe.md and write-a-backend.md go into detail.
    """
    from ganforge.plugins.host import default_host
    from ganforge.plugins.scaffold import write_project

    root = context.find_root().command
    commands = root.commands if isinstance(root, click.Group) else ()
    folder = write_project(kind, name, out, default_host(), commands=commands)
    click.echo(f"{folder} is written. To install it as it stands and to test it:")
    click.echo(f"    pip install -e '{folder.resolve()}[test]'")
    click.echo(f"    pytest {folder}")
