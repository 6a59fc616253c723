"""Progress on the terminal: a bar where there is one, plain lines elsewhere, and a line of means for each epoch.

Epochs of tiny sets end many times a second: of those shorter than `SHORT` one has a line every `PAUSE`, and the last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganforge._io.files import redirect_to_devnull
from ganforge._io.words import counted
from ganforge.errors import WriteError
from ganforge.plugins.markers import hookimpl
from ganforge.plugins.run_view import RunView
from ganforge.training.observers.notebook import in_notebook
from ganforge.training.observers.speed import Speed, clock

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


SHORT, PAUSE = 0.5, 10.0
MOVE = 0.1
"""Seconds from one move of the bar to the next. Every step's would be half of what a short one's plugins cost."""


@dataclass
class _Display:
    console: "Console"
    bar: "Progress"
    task: "TaskID"
    speed: Speed
    ended: float = float("-inf")
    """Seconds of the run at which the epoch before ended, and"""
    said: float = float("-inf")
    """at which an epoch's line was printed."""
    unsaid: str = ""
    """The last epoch's line, if it was not printed."""
    moved: float = float("-inf")
    """When the bar was last moved by a step that is not logged."""


class _Progress:
    """The display of the run in progress; there is none in a quiet one."""

    def __init__(self) -> None:
        self.display: _Display | None = None

    @hookimpl
    def ganforge_run_started(self, run: RunView) -> None:
        """Say what is trained on what, and where it will be."""
        if run.quiet or in_notebook():
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = _console()
        _introduce(console, run)
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),  # what the others leave
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[speed]}"),
            TextColumn("{task.fields[losses]}"),
            console=console,
            expand=True,
            transient=True,
            disable=not _moves(console),
        )
        task = bar.add_task("training", total=run.stop, completed=run.start, losses="", speed="")
        self.display = _Display(console=console, bar=bar, task=task, speed=Speed(run))
        bar.start()

    @hookimpl
    def ganforge_step_finished(self, run: RunView, step: int, scalars: Mapping[str, float] | None) -> None:
        """Move the bar, some times a second; on a logged step show the losses."""
        if self.display is None:
            return
        if scalars is not None:
            _show(self.display, run, step, scalars)
        elif run.seconds - self.display.moved >= MOVE:
            self.display.bar.update(self.display.task, completed=step, speed=_speed(self.display, run))
            self.display.moved = run.seconds

    @hookimpl
    def ganforge_epoch_finished(self, run: RunView, epoch: int, means: Mapping[str, float], steps: int) -> None:
        """The epoch's means; not of every short one."""
        if self.display is None:
            return
        self.display.unsaid = _summed_up(epoch, means, steps, run.seconds)
        if run.seconds - self.display.ended >= SHORT or run.seconds - self.display.said >= PAUSE:
            _say(self.display)
            self.display.said = run.seconds
        self.display.ended = run.seconds

    @hookimpl
    def ganforge_step_measured(self, run: RunView, step: int, measures: Mapping[str, float], by: str) -> None:
        """The measures, in a line."""
        if self.display is not None:
            words = "  ".join(f"{name} {value:.4g}" for name, value in measures.items())
            self.display.console.print(f"step {step:,} measured: {words}  ({by})")

    @hookimpl
    def ganforge_run_finished(self, run: RunView, error: BaseException | None) -> None:
        """Say what there is now, or how to go on."""
        if self.display is None:
            return
        _say(self.display)
        self.display.bar.stop()
        console, self.display = self.display.console, None
        if error is None:
            console.print(
                f"done: {counted(run.step, 'step')} in {run.seconds:,.1f} s; images in {run.folder / 'samples'}, "
                "more by\n"
                f"    ganforge sample {run.folder} --out grid.png"
            )
            _say_which_is_best(console, run)
        elif isinstance(error, KeyboardInterrupt):
            saved = "all of it saved" if run.saved == run.step else f"saved up to step {run.saved:,}"
            console.print(f"stopped after step {run.step:,}, {saved}; go on with\n    ganforge resume {run.folder}")
        elif isinstance(error, WriteError):
            console.print(
                f"stopped after step {run.step:,}, saved up to step {run.saved:,}; once there is room, go on with\n"
                f"    ganforge resume {run.folder}"
            )


def _console() -> "Console":
    import sys

    from rich.console import Console

    class Patient(Console):
        def on_broken_pipe(self) -> None:
            """Whoever read, as `head` does, has seen enough: the run goes on, where rich would end the process."""
            self.quiet = True
            redirect_to_devnull(sys.stdout)

    return Patient(highlight=False, soft_wrap=True)


def _moves(console: "Console") -> bool:
    """Whether a bar can move there; a terminal whose cursor cannot, as with TERM=dumb, gets lines."""
    return console.is_terminal and not console.is_dumb_terminal


def _show(display: _Display, run: RunView, step: int, scalars: Mapping[str, float]) -> None:
    display.bar.update(display.task, completed=step, losses=_worded(_losses(scalars)), speed=_speed(display, run))
    if not _moves(display.console):
        display.console.print(
            f"step {step:,}/{run.stop:,}  {counted(run.images_taken, 'image')}  epoch {run.epoch:,.1f}  "
            f"{run.seconds:,.1f} s  {_speed(display, run)}  {_worded(scalars)}"
        )


def _summed_up(epoch: int, means: Mapping[str, float], steps: int, seconds: float) -> str:
    return f"epoch {epoch:,} done: {_worded(_losses(means))} (means of {counted(steps, 'step')})  {clock(seconds)}"


def _say(display: _Display) -> None:
    if display.unsaid:
        display.console.print(display.unsaid)
        display.unsaid = ""


def _say_which_is_best(console: "Console", run: RunView) -> None:
    from ganforge.training.best_checkpoint import read_best

    if (best := read_best(run.folder)) is not None:
        console.print(
            f"best by {best.measure}: step {best.step:,} ({best.value:.4g}); images of it by\n"
            f"    ganforge sample {run.folder} --best --out best.png"
        )


def _speed(display: _Display, run: RunView) -> str:
    return f"{display.speed.images_per_second(run):,.0f} images/s"


def _losses(scalars: Mapping[str, float]) -> dict[str, float]:
    """What there is room for in 80 columns."""
    return {name: value for name, value in scalars.items() if name in ("d_loss", "g_loss")}


def _worded(scalars: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in scalars.items())


def _introduce(console: "Console", run: RunView) -> None:
    from ganforge.spec.costs import network_costs
    from ganforge.training.describing import shares_of_a_batch

    count, height, width, channels = run.data.images.shape
    g, d = (
        sum(cost.parameters for cost in network_costs(run.model.gan, network))
        for network in ("generator", "discriminator")
    )
    workers = run.workers.shard.count
    together = f", {workers} workers" if workers > 1 else ""
    settings = run.recipe.run
    where = f"{settings.backend} ({settings.device})"
    console.print(f"run {run.folder}: {run.recipe.name} on {where}, {settings.precision}{together}")
    console.print(f"{counted(count, 'image')} {height}x{width}x{channels} of data set {run.recipe.data.set}", end="")
    console.print(f", {len(run.recipe.class_names)} classes" if run.recipe.class_names else "")
    console.print(f"generator {g:,} parameters, discriminator {d:,}")
    if run.recipe.training.accumulate > 1:
        console.print(shares_of_a_batch(run.model.gan))
    for skipped in run.data.skipped:
        console.print(f"skipped {skipped.where}: {skipped.reason}")
    if run.start:
        console.print(f"continuing from step {run.start:,} of {run.stop:,}")


_progress = _Progress()
ganforge_run_started = _progress.ganforge_run_started
ganforge_step_finished = _progress.ganforge_step_finished
ganforge_epoch_finished = _progress.ganforge_epoch_finished
ganforge_step_measured = _progress.ganforge_step_measured
ganforge_run_finished = _progress.ganforge_run_finished
