"""Going on with a run that was stopped."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ganforge._io.files import sweep
from ganforge._io.words import counted
from ganforge.backend.devices import AUTO
from ganforge.data.memory import handed_over
from ganforge.errors import RunError
from ganforge.plugins.host import Host, default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.reading import read
from ganforge.training import checkpoint
from ganforge.training.backends import choose_backend, on_device, tell_of_change
from ganforge.training.batches import check_last_batch
from ganforge.training.callbacks import listeners
from ganforge.training.data_sets import OnProgress
from ganforge.training.distributed import check_same_inputs, gather
from ganforge.training.experiment import Experiment, decoded, resolve
from ganforge.training.models import open_model
from ganforge.training.observers.notebook import is_quiet
from ganforge.training.provenance import changes, last, made_with, record
from ganforge.training.run import Run
from ganforge.training.run_checkpoints import check_same_recipe, newest_good
from ganforge.training.run_events import ask_plugins
from ganforge.training.run_folder import CHECKPOINTS, held, read_recipe, write_recipe
from ganforge.training.train_run import train_run


def resume(
    folder: str | PathLike[str],
    *,
    backend: str | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    data: Any = None,
    device: str | None = None,
    callbacks: Sequence[object] = (),
    quiet: bool | None = None,
    on_progress: OnProgress | None = None,
) -> Run:
    """Go on with a run from its last checkpoint, in any framework; returns the finished run.

    Args:
        folder: the run's, or a `Run`.
        backend: by default the one that it ran on last.
        steps: another number of steps in all.
        epochs: another number of passes over the data set in all, instead of `steps`.
        data: where its images lie now, if they have moved; or the images, where they were handed over before.
        device: by default "auto", the best on this machine, wherever the run was before.
        callbacks, quiet, on_progress: see `train`.

    Raises:
        RunError: no run, nothing left to do, a checkpoint of another recipe, or other images than it began with.
    """
    told, host, folder = listeners(callbacks), default_host(), Path(folder)
    kinds, image_set = known_kinds(host), handed_over(data)
    before = read_recipe(folder, kinds)
    recipe = read(
        before,
        host,
        kinds,
        data=data if image_set is None else None,
        backend=backend,
        steps=steps,
        epochs=epochs,
        device=device or AUTO,
    )
    chosen = choose_backend(recipe, host)
    workers = gather(chosen, host)
    recipe = on_device(recipe, chosen, workers)
    with held(folder, workers, host.warn) as writes:
        if writes:
            sweep(folder)
        about, state = newest_good(folder, host.warn) or (None, None)
        experiment = resolve(recipe, host, chosen, workers, image_set)
        if about is not None:  # not before it is resolved: the data may have other channels or classes now
            check_same_recipe(folder, experiment.recipe, about, kinds)
        start = about.step if about is not None else 0
        if start >= experiment.steps:
            raise RunError(
                f"run {folder} has done its {counted(start, 'step')}; to continue, give a larger number of --steps or "
                "--epochs"
            )
        if about is None:
            host.warn(f"run {folder} was stopped before its first checkpoint; it begins anew")
        experiment = decoded(experiment, on_progress)
        check_last_batch(experiment.batches, experiment.steps)
        if about is not None and about.data != experiment.images_hash:
            raise RunError(
                f"the images of data set {recipe.data.set!r} are not those that run {folder} was trained on, so it "
                "cannot be resumed exactly; give the old images (--data, or data= in Python), or start a new run"
            )
        model = open_model(experiment, state or experiment.gan.initial_state(experiment.recipe.run.seed))
        check_same_inputs(workers, experiment.recipe, experiment.images_hash, start)
        ask_plugins(experiment, host)
        if writes:
            checkpoint.set_aside(folder / CHECKPOINTS, start)
            write_recipe(folder, experiment.recipe)
            _tell_changes(folder, experiment, host)
        run = Run(folder=folder, experiment=experiment, model=model, host=host, quiet=is_quiet(quiet), callbacks=told)
        run.start = run.step = run.saved = start
        if about is not None:
            run.seconds_before, run.scalars = about.seconds, about.scalars
        tell_of_change(recipe, before.run.device, f"run {folder}", host.warn)
        train_run(run)
    return run


def _tell_changes(folder: Path, experiment: Experiment, host: Host) -> None:
    """Record what the run goes on with, and say what of it differs from the time before."""
    now = made_with(experiment)
    different = changes(last(folder), now)
    if different:
        listed = "".join(f"\n    {line}" for line in different)
        host.warn(f"run {folder} goes on with something else than before; its numbers may differ from here on:{listed}")
    record(folder, now)
