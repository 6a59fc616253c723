"""`ganforge runs`: list training runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ganforge.cli.answer import Answer, answers
from ganforge.cli.show import listing


@click.command()
@click.argument("folder", default=Path("runs"), type=click.Path(path_type=Path))
@answers
def runs(folder: Path, answer: Answer) -> None:
    """List the runs in FOLDER, by default `runs`.

    Shows the recipe, framework, steps, last losses and measures of each.
    """
    rows = [_row(each) for each in _found(folder)]
    names = dict.fromkeys(name for row in rows for name in row)
    empty = f"no runs in {folder}; give another folder, or train one with: ganforge train"
    listing([{name: row.get(name) for name in names} for row in rows], answer, empty=empty)


def _found(folder: Path) -> Iterator[Path]:
    """The folders of runs in a folder, by name; the folder itself, if it is one.

    Raises:
        RunError: it cannot be read.
    """
    from ganforge.errors import RunError
    from ganforge.training.run_folder import RECIPE

    try:
        candidates = [folder, *sorted(folder.iterdir())] if folder.exists() else []
    except OSError as error:
        raise RunError(f"{folder} cannot be read: {error.strerror}") from error
    yield from (each for each in candidates if (each / RECIPE).is_file())


def _row(run: Path) -> dict[str, Any]:
    """Facts about a run, or why it cannot be read."""
    from ganforge.errors import GanforgeError
    from ganforge.evaluation import metrics_file
    from ganforge.plugins.host import default_host
    from ganforge.plugins.kinds import known_kinds
    from ganforge.training.observers import journal
    from ganforge.training.run_folder import read_recipe

    try:
        recipe = read_recipe(run, known_kinds(default_host()))
        history, measured = journal.history(run), metrics_file.read(run)
    except GanforgeError as error:
        return {"run": str(run), "error": str(error)}
    last = {name: column[-1].item() for name, column in history.items()}
    steps = int(last.get("step", 0))
    row: dict[str, Any] = {
        "run": str(run),
        "recipe": recipe.name,
        "backend": recipe.run.backend,
        "step": steps,
        "of": recipe.run.steps,
        "d_loss": last.get("d_loss"),
        "g_loss": last.get("g_loss"),
        "images/s": round(last["images"] / last["seconds"], 1) if last.get("seconds") else None,
    }
    if measured:
        row |= {name: measured[-1].measures[name] for name in ("kid", "frechet") if name in measured[-1].measures}
    return row
