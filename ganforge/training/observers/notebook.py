"""Progress in a notebook: one display that is changed in place, with losses, speed and the newest sample grid.

It is HTML handed to IPython, which is there wherever a notebook runs; no widgets are needed.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from ganforge.plugins.markers import hookimpl
from ganforge.plugins.run_view import RunView

if TYPE_CHECKING:
    from ganforge.training.observers.speed import Speed

PAUSE = 0.5
"""Seconds from one change of the display to the next."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook. Imports nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config


def is_quiet(asked: bool | None) -> bool:
    """Whether a run shows nothing: as asked, or by default everywhere but in a notebook."""
    return not in_notebook() if asked is None else asked


@dataclass(kw_only=True)
class _Display:
    """What is shown of the run in progress."""

    handle: Any
    """IPython's, whose `update` changes what is shown."""
    speed: "Speed"
    losses: dict[str, float] = field(default_factory=dict)
    shown: float = float("-inf")
    """When it was last changed, by `monotonic`."""


class _Notebook:
    """The display of the run in progress; there is none in a quiet one, or outside of a notebook."""

    def __init__(self) -> None:
        self.display: _Display | None = None

    @hookimpl
    def ganforge_run_started(self, run: RunView) -> None:
        """Begin the display."""
        self.display = None
        if run.quiet or not in_notebook():
            return
        from IPython.display import HTML, display

        from ganforge.training.observers.speed import Speed

        handle = display(HTML(""), display_id=True)  # type: ignore[no-untyped-call]
        self.display = _Display(handle=handle, speed=Speed(run))
        self._show(run, "")

    @hookimpl(trylast=True)
    def ganforge_step_finished(self, run: RunView, step: int, scalars: Mapping[str, float] | None) -> None:
        """Change the display, twice a second at most. Last, so that the step's sample grid is there."""
        if self.display is None:
            return
        if scalars is not None:
            self.display.losses = {name: scalars[name] for name in ("d_loss", "g_loss")}
        if monotonic() - self.display.shown >= PAUSE:
            self._show(run, "")

    @hookimpl(trylast=True)
    def ganforge_run_finished(self, run: RunView, error: BaseException | None) -> None:
        """Leave a last state: done, interrupted, or failed."""
        if self.display is None:
            return
        if error is None:
            self._show(run, "done")
        elif isinstance(error, KeyboardInterrupt):
            self._show(run, f"interrupted, saved up to step {run.saved:,}")
        else:
            self._show(run, f"failed, saved up to step {run.saved:,}")
        self.display = None

    def _show(self, run: RunView, ended: str) -> None:
        from IPython.display import HTML

        assert self.display is not None
        shown = page(run, self.display.speed, self.display.losses, ended)
        self.display.handle.update(HTML(shown))  # type: ignore[no-untyped-call]
        self.display.shown = monotonic()


def page(run: RunView, speed: "Speed", losses: Mapping[str, float], ended: str) -> str:
    """The display's HTML: a bar and facts, and the newest sample grid, or real images until there is one."""
    from ganforge.generation.html import bar, card

    facts = {"step": f"{run.step:,} of {run.stop:,}", "epoch": f"{run.epoch:,.1f}"}
    facts |= {name: f"{value:.3f}" for name, value in losses.items()}
    if speed.images_per_second(run):
        facts["images/s"] = f"{speed.images_per_second(run):,.0f}"
    facts |= {"": ended} if ended else {"remaining": speed.remaining(run)}
    title = f"{run.recipe.name} on {run.recipe.run.backend}, {run.folder}"
    return bar(run.step / run.stop) + card(title, newest_grid(run.folder), facts)


def newest_grid(folder: Path) -> list[Path]:
    """The newest sample grid of a run, or its real images."""
    samples = folder / "samples"
    found = sorted(samples.glob("step-*.png")) or sorted(samples.glob("real.png"))
    return found[-1:]


_notebook = _Notebook()
ganforge_run_started = _notebook.ganforge_run_started
ganforge_step_finished = _notebook.ganforge_step_finished
ganforge_run_finished = _notebook.ganforge_run_finished
