"""Training a run from where it stands to its last step."""

from dataclasses import replace
from time import perf_counter

from ganforge.training.distributed import wait_for_all
from ganforge.training.fitting import fitting_batch_told
from ganforge.training.loop import Schedule, train_steps
from ganforge.training.run import Run
from ganforge.training.run_events import RunEvents
from ganforge.training.stop_request import StopRequest


def train_run(run: Run) -> None:
    """Train to the last step, or until SIGINT or SIGTERM asks to stop; a checkpoint is saved either way.

    A run that was asked to stop is marked: `run.interrupted`.

    Raises:
        RunError: training diverged, or a file could not be written.
        OutOfMemoryError: a step needs more memory than there is.
    """
    settings = run.recipe.run
    schedule = Schedule(
        start=run.start,
        stop=run.stop,
        log_every=settings.log_every,
        checkpoint_every=settings.checkpoint_every,
    )
    run.began = perf_counter()
    stop_request = StopRequest()
    events = RunEvents(run=run, stop_request=stop_request, data=run.experiment.images_hash)
    error: BaseException | None = None
    ended = False
    try:
        with stop_request.listening():
            events.started()
            with fitting_batch_told(run.model.gan, settings.precision):
                done = train_steps(run.model.session, run.experiment.batches, schedule, events, run.scalars)
            ended = True
            if done < run.stop:
                run.interrupted, error = True, KeyboardInterrupt()
            run.model = replace(run.model, step=run.step, history=run.history)
    except BaseException as raised:
        error = raised
        raise
    finally:
        events.finished(error)
        if ended:  # a launcher ends workers that are left behind, and the first may still be writing
            wait_for_all(run.workers)
