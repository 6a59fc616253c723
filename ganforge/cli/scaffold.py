"""`ganforge plugins new`: begin a plugin."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganforge.plugins.scaffold import KindName


@click.command()
@click.argument("kind", type=click.Choice(["dataset", "layer", "loss", "optimizer", "backend"]))
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="The project's folder. [default: the distribution's name]")
def new(kind: "KindName", name: str, out: Path | None) -> None:
    """Create a plugin project: pyproject.toml, module, test and README.

    Its test passes as written; docs/write-a-dataset.md, write-a-layer.md, write-a-loss.md, write-an-optimizer.md and
    write-a-backend.md say how to go on.
    """
    from ganforge.plugins.host import default_host
    from ganforge.plugins.scaffold import write_project

    folder = write_project(kind, name, out, default_host())
    click.echo(f"{folder} is written. To install it as it stands and to test it:")
    click.echo(f"    pip install -e '{folder.resolve()}[test]'")
    click.echo(f"    pytest {folder}")
