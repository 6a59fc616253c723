"""`ganforge plugins new`: create a plugin project."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganforge.cli.answer import Answer, answers

if TYPE_CHECKING:
    from ganforge.plugins.scaffold import KindName

KINDS = ("dataset", "architecture", "layer", "loss", "optimizer", "recipe", "backend", "command", "events")


@click.command()
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS))
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="The project's folder. [default: the distribution's name]")
@answers
@click.pass_context
def new(context: click.Context, kind: "KindName", name: str, out: Path | None, answer: Answer) -> None:
    """Create a plugin project: pyproject.toml, module, test and README.

    KIND is dataset, architecture, layer, loss, optimizer, recipe, backend, command or events.

    The project works and its tests pass as created. docs/plugins.md describes the kinds; docs/write-a-dataset.md and
    its neighbours explain some step by step.
    """
    from ganforge.plugins.host import default_host
    from ganforge.plugins.scaffold import write_project

    root = context.find_root().command
    commands = root.commands if isinstance(root, click.Group) else ()
    folder = write_project(kind, name, out, default_host(), commands=commands)
    words = (
        f"{folder} written. To install it in place and test it:\n"
        f"    pip install -e '{folder.resolve()}[test]'\n"
        f"    pytest {folder}"
    )
    answer.say(words, {"folder": folder, "kind": kind, "name": name})
