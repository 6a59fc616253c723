"""Logs runs to Weights & Biases where WANDB_PROJECT is set: settings, losses, measures and sample grids.

With WANDB_MODE=offline it writes into the run's folder alone, for a later `wandb sync`. A resumed run goes on in the
same run of Weights & Biases.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ganforge import hookimpl
from ganforge.plugins import RunView

if TYPE_CHECKING:
    import wandb

VARIABLE = "WANDB_PROJECT"
RUN_ID = "wandb-run-id.txt"
"""File in the run's folder, for resuming."""


class _Logger:
    """The log of the run in progress."""

    def __init__(self) -> None:
        self.log: wandb.Run | None = None

    @hookimpl
    def ganforge_run_started(self, run: RunView) -> None:
        """Begin a run of Weights & Biases, or go on with that of an earlier process."""
        if not os.environ.get(VARIABLE):
            return
        try:
            import wandb
        except ImportError as error:
            raise ImportError(f"{VARIABLE} is set, but {error}: pip install 'ganforge[wandb]'") from error
        from ganforge.recipes import flat_settings

        file = run.folder / RUN_ID
        known = file.read_text(encoding="utf-8").strip() if file.exists() else None
        self.log = wandb.init(
            id=known,
            resume=None if known is None or os.environ.get("WANDB_MODE") == "offline" else "must",
            name=run.folder.name,
            config=flat_settings(run.recipe),
            dir=str(run.folder),
            settings=wandb.Settings(silent=True),
        )
        file.write_text(f"{self.log.id}\n", encoding="utf-8")

    @hookimpl
    def ganforge_step_finished(self, run: RunView, step: int, scalars: Mapping[str, float] | None) -> None:
        """Log the losses of a logged step, and the grid where one was drawn."""
        if self.log is None:
            return
        if scalars is not None:
            self.log.log(dict(scalars), step=step)
        if step % run.recipe.run.sample_every == 0 or step == run.stop:
            grid = run.folder / "samples" / f"step-{step:08d}.png"
            if grid.exists():  # the snapshots may be switched off
                import wandb

                self.log.log({"samples": wandb.Image(str(grid))}, step=step)

    @hookimpl
    def ganforge_step_measured(self, step: int, measures: Mapping[str, float]) -> None:
        """Log the measures."""
        if self.log is not None:
            self.log.log({f"quality/{name}": value for name, value in measures.items()}, step=step)

    @hookimpl
    def ganforge_run_finished(self, error: BaseException | None) -> None:
        """End the run of Weights & Biases."""
        if self.log is not None:
            self.log.finish(exit_code=0 if error is None else 1)
            self.log = None


_logger = _Logger()
ganforge_run_started = _logger.ganforge_run_started
ganforge_step_finished = _logger.ganforge_step_finished
ganforge_step_measured = _logger.ganforge_step_measured
ganforge_run_finished = _logger.ganforge_run_finished
