"""Logs runs to MLflow where MLFLOW_TRACKING_URI is set: settings, losses, measures, sample grids and the recipe.

MLFLOW_EXPERIMENT_NAME names the experiment, by default "ganforge". A resumed run goes on in the same run of MLflow.
"""

import os
from collections.abc import Mapping
from time import time_ns
from typing import TYPE_CHECKING

from ganforge import hookimpl
from ganforge.plugins import RunView

if TYPE_CHECKING:
    from mlflow import MlflowClient

VARIABLE = "MLFLOW_TRACKING_URI"
RUN_ID = "mlflow-run-id.txt"
"""File in the run's folder, for resuming."""


class _Logger:
    """The log of the run in progress."""

    def __init__(self) -> None:
        self.client: MlflowClient | None = None
        self.id = ""

    @hookimpl
    def ganforge_run_started(self, run: RunView) -> None:
        """Begin a run of MLflow, or go on with that of an earlier process."""
        self.client = _client()
        if self.client is None:
            return
        from mlflow.entities import Param

        from ganforge.recipes import flat_settings

        file = run.folder / RUN_ID
        if file.exists():
            self.id = file.read_text(encoding="utf-8").strip()
            self.client.update_run(self.id, status="RUNNING")
            return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "ganforge")
        found = self.client.get_experiment_by_name(name)
        experiment = self.client.create_experiment(name) if found is None else found.experiment_id
        self.id = self.client.create_run(experiment, run_name=run.folder.name).info.run_id
        settings = flat_settings(run.recipe).items()
        self.client.log_batch(self.id, params=[Param(key, str(value)) for key, value in settings])
        self.client.log_artifact(self.id, str(run.folder / "recipe.toml"))
        file.write_text(f"{self.id}\n", encoding="utf-8")

    @hookimpl
    def ganforge_step_finished(self, run: RunView, step: int, scalars: Mapping[str, float] | None) -> None:
        """Log the losses of a logged step, and the grid where one was drawn."""
        if self.client is None:
            return
        if scalars is not None:
            self._log(scalars, step)
        if step % run.recipe.run.sample_every == 0 or step == run.stop:
            grid = run.folder / "samples" / f"step-{step:08d}.png"
            if grid.exists():  # the snapshots may be switched off
                self.client.log_artifact(self.id, str(grid), "samples")

    @hookimpl
    def ganforge_step_measured(self, step: int, measures: Mapping[str, float]) -> None:
        """Log the measures."""
        if self.client is not None:
            self._log(measures, step)

    @hookimpl
    def ganforge_run_finished(self, error: BaseException | None) -> None:
        """End the run of MLflow."""
        if self.client is not None:
            stopped = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self.client.set_terminated(self.id, "FINISHED" if error is None else stopped)
            self.client = None

    def _log(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        assert self.client is not None
        now = time_ns() // 1_000_000
        self.client.log_batch(self.id, metrics=[Metric(name, value, now, step) for name, value in values.items()])


def _client() -> "MlflowClient | None":
    """MLflow's client; None where nobody asks for it.

    Raises:
        ImportError: it is not installed.
    """
    if not os.environ.get(VARIABLE):
        return None
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise ImportError(f"{VARIABLE} is set, but {error}: pip install 'ganforge[mlflow]'") from error
    return MlflowClient()


_logger = _Logger()
ganforge_run_started = _logger.ganforge_run_started
ganforge_step_finished = _logger.ganforge_step_finished
ganforge_step_measured = _logger.ganforge_step_measured
ganforge_run_finished = _logger.ganforge_run_finished
