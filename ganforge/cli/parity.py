"""`ganforge parity`: compare the same recipe in two frameworks, number by number."""

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganforge.cli.answer import Answer, answers_in_files
from ganforge.cli.assignments import set_option
from ganforge.cli.devices import device_option
from ganforge.cli.show import table

if TYPE_CHECKING:
    from ganforge.backend.contract import BackendEntry
    from ganforge.parity.report import Report
    from ganforge.parity.trial import Trial


@click.command()
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    default=["digits"],
    show_default=True,
    help="Recipe name or TOML file; repeatable.",
)
@click.option("--backends", default="torch,tensorflow", show_default=True, help="Backends to compare, in pairs.")
@click.option(
    "--precision",
    type=click.Choice(["float64", "float32"]),
    default="float64",
    show_default=True,
    help="Floating-point precision.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Steps that the backends train independently.",
)
@click.option(
    "--lock-step", is_flag=True, help="Do --steps steps, each from a common state, then at most 20 independent ones."
)
@click.option("--batch-size", type=click.IntRange(min=1), default=8, show_default=True, help="Images per batch.")
@device_option("Device of the backends; the NumPy reference stays on the CPU.", "cpu")
@click.option("--data", "path", help="Path of the recipe's images. [default: the built-in digits]")
@set_option("Set any value of the recipes; none leaves it out.")
@click.option(
    "--save", type=click.Path(path_type=Path), help="Save the first two arrays that differ to this .npz file."
)
@answers_in_files
@click.pass_context
def parity(
    ctx: click.Context,
    recipes: tuple[str, ...],
    backends: str,
    precision: str,
    steps: int,
    lock_step: bool,
    batch_size: int,
    device: str | None,
    path: str | None,
    assignments: tuple[str, ...],
    save: Path | None,
    answer: Answer,
) -> None:
    """Compare backends number by number.

    Compares every layer, gradient and update, then whole training runs. The exit code is 1 if they differ.
    """
    from ganforge.parity.comparison import compare
    from ganforge.parity.trial import find_backends, trial
    from ganforge.plugins.host import default_host
    from ganforge.plugins.kinds import known_kinds
    from ganforge.recipes.laying import parse_assignments
    from ganforge.recipes.reading import read

    host = default_host()
    entries = find_backends([name.strip() for name in backends.split(",")], host, device or "cpu")
    overrides = parse_assignments(assignments)
    given = [
        read(name, host, known_kinds(host), data=path, overrides=overrides, batch_size=batch_size) for name in recipes
    ]
    reports: list[dict[str, Any]] = []
    for recipe in given:
        made = trial(recipe, host)
        for first, other in combinations(entries, 2):
            report = compare(
                made.experiment.gan,
                first,
                other,
                inputs=made.inputs,
                state=made.state,
                precision="float32" if precision == "float32" else "float64",
                steps=min(steps, 20) if lock_step else steps,
                lock_step=steps if lock_step else 0,
            )
            reports.append(
                {"recipe": recipe.name, "batch_size": batch_size, "device": device or "cpu", **report.as_data()}
            )
            if answer.words:
                click.echo(_worded(recipe.name, made, report, device or "cpu"))
            if not report.ok:
                _explain(made, report, [first, other], save)
    answer.say("", reports)
    if not all(report["ok"] for report in reports):
        ctx.exit(1)


def _worded(name: str, made: "Trial", report: "Report", device: str) -> str:
    batch, images = made.experiment.gan.protocol.batch_size, made.experiment.recipe.data.set
    head = f"{name}: {report.a} and {report.b} on {device} in {report.precision}, batch {batch}, images of {images}"
    rows = [
        [
            row.what,
            f"{row.difference:.1e}" if row.tolerance is not None else "",
            f"{row.tolerance:.0e}" if row.tolerance is not None else "",
            row.verdict,
            row.note or (str(row.where) if row.where and row.difference else ""),
        ]
        for row in report.rows
    ]
    text = table(rows, head=["compared", "difference", "tolerance", "verdict", "largest at"])
    return f"{head}\n{text}\n{'The numbers agree.' if report.ok else 'The numbers differ.'}\n"


def _explain(made: "Trial", report: "Report", entries: "list[BackendEntry]", save: Path | None) -> None:
    """Print where two backends first differ, which of them is wrong, and which known trap explains it."""
    from io import BytesIO

    import numpy as np

    from ganforge._io.files import write_whole
    from ganforge.errors import PluginError
    from ganforge.testing.diagnosis import diagnose

    if report.mismatch is not None:
        click.echo(f"first difference: {report.mismatch.place}", err=True)
        if save is not None:
            buffer = BytesIO()
            arrays: dict[str, Any] = {report.a: report.mismatch.a, report.b: report.mismatch.b}
            np.savez(buffer, **arrays)
            write_whole(save, buffer.getvalue())
            click.echo(f"both arrays are in {save}", err=True)
    try:
        found = diagnose(made.experiment.gan, entries, inputs=made.inputs, state=made.state, precision=report.precision)
    except PluginError as error:
        click.echo(f"no diagnosis: {error}", err=True)
        return
    for diagnosis in found:
        click.echo(str(diagnosis), err=True)
