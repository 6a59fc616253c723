"""What happens beside the steps of a run: plugins and callbacks are told, and checkpoints are saved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganforge.plugins.host import Host
from ganforge.training.distributed import anyone
from ganforge.training.experiment import Experiment
from ganforge.training.run import Run
from ganforge.training.run_checkpoints import save_checkpoint
from ganforge.training.stop_request import StopRequest


def ask_plugins(experiment: Experiment, host: Host) -> None:
    """Let the plugins of the first worker look at what is to be trained. Raises what they refuse it with."""
    if experiment.workers.shard.rank == 0:
        host.event("ganforge_run_planned", recipe=experiment.recipe, data=experiment.prepared)


@dataclass(frozen=True, kw_only=True)
class RunEvents:
    """The events of the training loop (`loop.Events`) for one run.

    Of several workers only the first calls plugins and callbacks, and writes.
    """

    run: Run
    stop_request: StopRequest
    data: str
    """Hash of the images that the run trains on."""

    def started(self) -> None:
        """The run starts or goes on."""
        self._tell("run_started")

    def finished(self, error: BaseException | None) -> None:
        """The run ends."""
        self._tell("run_finished", error=error)

    def step_finished(self, step: int, scalars: Mapping[str, float] | None) -> None:
        """Count the step and tell the plugins."""
        self.run.step = step
        self._tell("step_finished", step=step, scalars=scalars)

    def epoch_finished(self, epoch: int, means: Mapping[str, float], steps: int) -> None:
        """Tell the plugins."""
        self._tell("epoch_finished", epoch=epoch, means=means, steps=steps)

    def save(self, step: int, scalars: Mapping[str, float]) -> None:
        """Save a checkpoint of step `step` and tell the plugins.

        Raises:
            WriteError: it cannot be written; earlier checkpoints are untouched.
            RunError: the weights are no longer finite.
        """
        first, self.run.scalars = self.run.workers.shard.rank == 0, scalars
        path = save_checkpoint(self.run, step, self.data) if first else None
        self.run.saved = step
        if path is not None:
            self._tell("checkpoint_saved", path=path)

    def stop_asked(self) -> bool:
        """Whether a signal asked any worker to stop."""
        return anyone(self.run.workers, self.stop_request.made)

    def _tell(self, event: str, **about: Any) -> None:
        if self.run.workers.shard.rank == 0:
            self.run.tell(event, **about)
