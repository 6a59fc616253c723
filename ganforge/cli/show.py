"""What commands print: tables, a recipe's plan, progress bars."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from ganforge.cli.answer import Answer
    from ganforge.training.experiment import Experiment
    from ganforge.training.run import Run

_PAUSE = 10.0
"""Seconds between two lines of progress."""


def listing(rows: Sequence[Mapping[str, Any]], answer: "Answer", *, empty: str) -> None:
    """Print rows as a table with the keys as its head, or as a JSON list."""
    answer.say(rows_in_words(rows) if rows else empty, rows)


def rows_in_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows, of which there is at least one, as a table with the keys as its head."""
    return table([[_cell(value) for value in row.values()] for row in rows], head=list(rows[0]))


def _cell(value: object) -> str:
    """A value in a table."""
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return ""
        case float():
            return f"{value:.4g}"
        case int():
            return f"{value:,}"
        case list():
            return " ".join(f"[{_cell(each)}]" if isinstance(each, dict) else str(each) for each in value)
        case dict():
            return ", ".join(f"{name} {_cell(each)}".rstrip() for name, each in value.items())
    return str(value)


def table(rows: Sequence[Sequence[str]], *, head: Sequence[str]) -> str:
    """Rows as text, each column as wide as its widest entry."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def plan(experiment: "Experiment") -> str:
    """The resolved recipe, the layers of both networks, and the cost of a step, as text."""
    import tomli_w

    from ganforge.recipes.leaving_out import absent_tables
    from ganforge.recipes.tables import to_table
    from ganforge.spec.costs import network_costs, step_operations
    from ganforge.spec.gan import NETWORKS
    from ganforge.training.data_sets import account_of
    from ganforge.training.describing import shares_of_a_batch

    gan = experiment.gan
    parts = [tomli_w.dumps(to_table(experiment.recipe)).rstrip()]
    if absent := ", ".join(absent_tables(experiment.recipe.training, "training")):
        parts.append(f"# none: {absent}")
    for network in NETWORKS:
        costs = network_costs(gan, network)
        rows = [
            [
                each.name,
                " x ".join(map(str, each.output)),
                each.settings,
                f"{each.parameters:,}" if each.parameters else "",
            ]
            for each in costs
        ]
        total = sum(each.parameters for each in costs)
        parts.append(
            f"{network}: {total:,} parameters\n" + table(rows, head=["layer", "output", "settings", "parameters"])
        )
    if experiment.image_set is not None:
        lines = account_of(experiment.recipe, experiment.image_set)[1]
        parts += ["\n".join(f"data: {line}" for line in lines)] if lines else []
    operations = step_operations(gan)
    batch = gan.protocol.batch_size
    if gan.protocol.accumulate > 1:
        parts.append(f"{shares_of_a_batch(gan)}.")
    parts.append(
        f"A step of batch {batch} costs about {operations / 1e9:,.2f} GFLOP, {operations / batch / 1e9:,.3f} an image."
    )
    return "\n\n".join(parts)


def plan_facts(experiment: "Experiment") -> dict[str, Any]:
    """The facts of `plan` for programs: the resolved recipe, the parameters of each network, the cost of a step."""
    from ganforge.recipes.tables import to_table
    from ganforge.spec.costs import network_costs, step_operations
    from ganforge.spec.gan import NETWORKS
    from ganforge.training.data_sets import account_of

    gan = experiment.gan
    return {
        "recipe": to_table(experiment.recipe),
        "parameters": {name: sum(each.parameters for each in network_costs(gan, name)) for name in NETWORKS},
        "steps": experiment.steps,
        "gflop_per_step": step_operations(gan) / 1e9,
        "data": msgspec.to_builtins(account_of(experiment.recipe, experiment.image_set)[0])
        if experiment.image_set is not None
        else None,
    }


def tell_json(answer: "Answer", run: "Run") -> None:
    """Print how a run ended, if JSON is wanted; in words, its progress has already said so."""
    from ganforge.training.data_sets import read_account

    if answer.as_json:
        last = {name: column[-1].item() for name, column in run.history.items()}
        facts = {
            "run": str(run.folder),
            "recipe": run.recipe.name,
            "backend": run.recipe.run.backend,
            "steps": run.step,
            "of": run.stop,
            "saved": run.saved,
            "interrupted": run.interrupted,
            "seconds": run.seconds,
            "last": last,
            "data": read_account(run.folder),
        }
        answer.say("", facts)


@contextmanager
def preparing(shows: bool = True) -> Iterator[Callable[[int, int], None]]:
    """A function that reports the progress of preparing images: a bar on a terminal, elsewhere a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    shown = shows and console.is_terminal and not console.is_dumb_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task, said = None, monotonic()

        def tell(done: int, total: int) -> None:
            nonlocal task, said
            if shows and not shown and monotonic() - said >= _PAUSE:
                said = monotonic()
                click.echo(f"preparing images: {done:,} of {total:,}", err=True)
            if task is None:
                task = bar.add_task("preparing images", total=total)
            bar.update(task, completed=done, visible=done < total)
            if done == total:
                bar.stop()

        yield tell


@contextmanager
def stages(shows: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """A function that reports the stage and its progress: a bar on a terminal, elsewhere a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    shown = shows and console.is_terminal and not console.is_dumb_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task, now, said = bar.add_task("", total=None, visible=False), "", monotonic()

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal now, said
            if shows and not shown and monotonic() - said >= _PAUSE:
                said = monotonic()
                click.echo(f"{stage}: {done:,} of {total:,}", err=True)
            if stage != now:
                now = stage
                bar.reset(task, description=stage, total=total)
            bar.update(task, completed=done, total=total, visible=True)

        yield tell
