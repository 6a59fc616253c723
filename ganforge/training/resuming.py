"""Going on with a run that was stopped."""

from collections.abc import Callable
from pathlib import Path

from ganforge._io.files import sweep
from ganforge.errors import RunError
from ganforge.plugins.host import default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.reading import read
from ganforge.recipes.schema import Recipe
from ganforge.spec.arrays import State
from ganforge.spec.kinds import Kinds
from ganforge.training import checkpoint
from ganforge.training.backends import choose_backend
from ganforge.training.data_sets import OnProgress
from ganforge.training.distributed import check_same_inputs, gather
from ganforge.training.experiment import decoded, resolve
from ganforge.training.models import open_model
from ganforge.training.run import Run
from ganforge.training.run_checkpoints import check_same_recipe, newest_good
from ganforge.training.run_events import ask_plugins
from ganforge.training.run_folder import CHECKPOINTS, held, read_recipe, write_recipe
from ganforge.training.train_run import train_run


def resume(
    folder: str | Path,
    *,
    backend: str | None = None,
    steps: int | None = None,
    data: str | Path | None = None,
    device: str | None = None,
    quiet: bool = True,
    on_progress: OnProgress | None = None,
) -> Run:
    """Go on with a run from its last checkpoint, in any framework; returns the finished run.

    Args:
        folder: the run's.
        backend: by default the one that it ran on last.
        steps: another number of steps in all.
        data: where its images lie now, if they have moved.
        device: by default the one that it ran on last.
        quiet, on_progress: see `train`.

    Raises:
        RunError: no run, nothing left to do, a checkpoint of another recipe, or other images than it began with.
    """
    host, folder = default_host(), Path(folder)
    kinds = known_kinds(host)
    recipe = read(read_recipe(folder, kinds), host, kinds, data=data, backend=backend, steps=steps, device=device)
    chosen = choose_backend(recipe, host)
    workers = gather(chosen, host)
    with held(folder, workers, host.warn) as writes:
        if writes:
            sweep(folder)
        about, state = _taken_up(folder, recipe, kinds, host.warn)
        experiment = resolve(recipe, host, chosen, workers)
        if about is not None:  # once more: the data may have other channels or classes now
            check_same_recipe(folder, experiment.recipe, about, kinds)
        experiment = decoded(experiment, on_progress)
        if about is not None and about.data != experiment.images_hash:
            raise RunError(
                f"the pictures of data set {recipe.data.set!r} are not those that run {folder} was trained on, so it "
                "cannot go on exactly; give the old ones with --data, or train anew"
            )
        start = about.step if about is not None else 0
        model = open_model(experiment, state or experiment.gan.initial_state(experiment.recipe.run.seed))
        check_same_inputs(workers, experiment.recipe, experiment.images_hash, start)
        ask_plugins(experiment, host)
        if writes:
            checkpoint.set_aside(folder / CHECKPOINTS, start)
            write_recipe(folder, experiment.recipe)
        run = Run(folder=folder, experiment=experiment, model=model, host=host, quiet=quiet)
        run.start = run.step = run.saved = start
        run.seconds_before = about.seconds if about is not None else 0.0
        train_run(run)
    return run


def _taken_up(
    folder: Path, recipe: Recipe, kinds: Kinds, warn: Callable[[str], None]
) -> tuple[checkpoint.About | None, State | None]:
    """The newest checkpoint of a run that has steps left to do; None where it has none.

    Raises:
        RunError: the checkpoint is of another recipe, or no step is left.
    """
    about, state = newest_good(folder, warn) or (None, None)
    if about is None:
        warn(f"run {folder} was stopped before its first checkpoint; it begins anew")
    else:
        check_same_recipe(folder, recipe, about, kinds)
    start = about.step if about is not None else 0
    if start >= (recipe.run.steps or 0):
        raise RunError(f"run {folder} has done its {start} steps; give --steps with a larger number to go on")
    return about, state
