"""Progress on the terminal: a bar where there is one, plain lines elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ganforge.errors import WriteError
from ganforge.hookspecs import hookimpl

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from ganforge.run import Run


@dataclass
class _Display:
    console: "Console"
    bar: "Progress"
    task: "TaskID"
    logged: list[Mapping[str, float]] = field(default_factory=list)
    """Scalars of this epoch's logged steps."""


class _Progress:
    """The display of the run in progress; there is none in a quiet one."""

    def __init__(self) -> None:
        self.display: _Display | None = None

    @hookimpl
    def ganforge_run_started(self, run: "Run") -> None:
        """Say what is trained on what, and where it will be."""
        if run.quiet:
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(highlight=False, soft_wrap=True)
        _introduce(console, run)
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),  # what the others leave
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=console,
            expand=True,
            transient=True,
            disable=not console.is_terminal,
        )
        task = bar.add_task("training", total=run.stop, completed=run.start, losses="")
        self.display = _Display(console=console, bar=bar, task=task)
        bar.start()

    @hookimpl
    def ganforge_step_finished(self, run: "Run", step: int, scalars: Mapping[str, float] | None) -> None:
        """Move the bar; on a logged step show the losses."""
        if self.display is None:
            return
        if scalars is None:
            self.display.bar.update(self.display.task, completed=step)
        else:
            _show(self.display, run, step, scalars)
        if _epochs(run, step) > _epochs(run, step - 1):
            _sum_up(self.display, run, step)

    @hookimpl
    def ganforge_run_finished(self, run: "Run", error: BaseException | None) -> None:
        """Say what there is now, or how to go on."""
        if self.display is None:
            return
        self.display.bar.stop()
        console, self.display = self.display.console, None
        if error is None:
            console.print(
                f"done: {run.step:,} steps in {run.seconds:,.1f} s; pictures in {run.folder / 'samples'}, more by\n"
                f"    ganforge sample {run.folder} --out grid.png"
            )
        elif isinstance(error, KeyboardInterrupt):
            saved = "all of it saved" if run.saved == run.step else f"saved up to step {run.saved:,}"
            console.print(f"stopped after step {run.step:,}, {saved}; go on with\n    ganforge resume {run.folder}")
        elif isinstance(error, WriteError):
            console.print(
                f"stopped after step {run.step:,}, saved up to step {run.saved:,}; once there is room, go on with\n"
                f"    ganforge resume {run.folder}"
            )


def _show(display: _Display, run: "Run", step: int, scalars: Mapping[str, float]) -> None:
    display.logged.append(scalars)
    shown = {name: value for name, value in scalars.items() if name in ("d_loss", "g_loss")}  # in 80 columns
    display.bar.update(display.task, completed=step, losses=_worded(shown))
    if not display.console.is_terminal:
        display.console.print(
            f"step {step:,}/{run.stop:,}  {step * run.batch_images:,} images  epoch {run.epoch:,.1f}  "
            f"{run.seconds:,.1f} s  {_worded(scalars)}"
        )


def _worded(scalars: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in scalars.items())


def _epochs(run: "Run", step: int) -> int:
    """Whole epochs after `step` steps; what is left over of the data set is less than a batch and dropped."""
    training = run.recipe.training
    return step * training.discriminator.updates // (len(run.data.images) // training.batch_size)


def _sum_up(display: _Display, run: "Run", step: int) -> None:
    """The means of an epoch, over its logged steps: others would have to wait for the device.

    Nothing is said of epochs shorter than the steps between two logged ones: they would have no mean.
    """
    logged, display.logged = display.logged, []
    if run.batch_images * run.recipe.run.log_every > len(run.data.images) or not logged:
        return
    minutes, seconds = divmod(round(run.seconds), 60)
    means = "  ".join(
        f"{name} {sum(scalars[name] for scalars in logged) / len(logged):.3f}" for name in ("d_loss", "g_loss")
    )
    display.console.print(
        f"epoch {_epochs(run, step):,} done: {means} (means of {len(logged)} logged steps)  "
        f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    )


def _introduce(console: "Console", run: "Run") -> None:
    from ganforge.costs import network_costs

    count, height, width, channels = run.data.images.shape
    g, d = (
        sum(cost.parameters for cost in network_costs(run.model.gan, network))
        for network in ("generator", "discriminator")
    )
    workers = run.workers.share.count
    together = f", {workers} workers" if workers > 1 else ""
    console.print(
        f"run {run.folder}: {run.recipe.name} on {run.recipe.run.backend}, {run.recipe.run.precision}{together}"
    )
    console.print(f"{count:,} pictures {height}x{width}x{channels} of data set {run.recipe.data.set}", end="")
    console.print(f", {len(run.recipe.class_names)} classes" if run.recipe.class_names else "")
    console.print(f"generator {g:,} parameters, discriminator {d:,}")
    for skipped in run.data.skipped:
        console.print(f"skipped {skipped.where}: {skipped.reason}")
    if run.start:
        console.print(f"going on from step {run.start:,} of {run.stop:,}")


_progress = _Progress()
ganforge_run_started = _progress.ganforge_run_started
ganforge_step_finished = _progress.ganforge_step_finished
ganforge_run_finished = _progress.ganforge_run_finished
