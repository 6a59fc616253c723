"""The checkpoints of a run: saving one, and finding the newest that is whole."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ganforge._io.files import flush_files
from ganforge.errors import RunError
from ganforge.recipes.differences import differences
from ganforge.recipes.parsing import parse_stored
from ganforge.recipes.schema import Recipe
from ganforge.recipes.tables import to_table
from ganforge.spec.arrays import State
from ganforge.spec.kinds import Kinds
from ganforge.training import checkpoint
from ganforge.training.best_checkpoint import read_best
from ganforge.training.run import Run
from ganforge.training.run_folder import CHECKPOINTS


def save_checkpoint(run: Run, step: int, data: str) -> Path:
    """Save the run's state, which is that after `step` steps; returns the checkpoint's folder.

    data: hash of the images that it trains on.

    Earlier ones that the recipe does not keep are removed, but never the best one.

    Raises:
        WriteError: it cannot be written; earlier checkpoints are untouched.
        RunError: the weights are no longer finite; or which checkpoint is the best cannot be read, so none is removed.
    """
    state = run.model.session.state()
    wrong = next((name for name, array in state.items() if not np.isfinite(array).all()), None)
    if wrong is not None:
        raise RunError(
            f"step {step}: {wrong} holds values that are not finite, so no checkpoint is saved; what was "
            "saved before is untouched. Try lower rates or a clip"
        )
    about = checkpoint.About(
        format=checkpoint.FORMAT,
        step=step,
        recipe=to_table(run.recipe),
        data=data,
        seconds=run.seconds,
        sha256="",
        scalars=dict(run.scalars),
    )
    flush_files(run.folder)  # what plugins wrote of steps up to this one lasts as long as the checkpoint
    folder, settings = run.folder / CHECKPOINTS, run.recipe.run
    saved = checkpoint.save(folder, state, about)
    best = read_best(run.folder)
    checkpoint.prune(
        folder, keep=settings.keep, keep_every=settings.keep_every, best=None if best is None else best.step
    )
    return saved


def load_checkpoint(
    folder: Path, step: int, wanted: Callable[[str], bool] = checkpoint.every_array
) -> tuple[checkpoint.About, State]:
    """The checkpoint of one step of a run, of it the arrays that are wanted.

    Raises:
        RunError: it is missing or damaged; of a missing one, those that there are are listed.
    """
    path = folder / CHECKPOINTS / f"step-{step:08d}"
    if not path.exists():
        kept = ", ".join(str(checkpoint.step_of(each)) for each in checkpoint.checkpoints(path.parent))
        raise RunError(f"run {folder} has no checkpoint of step {step}; it has {kept or 'none'}")
    return checkpoint.load(path, wanted)


def newest_good(
    folder: Path, warn: Callable[[str], None], wanted: Callable[[str], bool] = checkpoint.every_array
) -> tuple[checkpoint.About, State] | None:
    """The newest undamaged checkpoint of a run; damaged ones are reported and skipped. None: it has no checkpoints.

    wanted: tells by its name whether an array is read.

    Raises:
        LaterFormat: the newest undamaged one needs a later ganforge.
        RunError: there are checkpoints, but all are damaged.
    """
    damaged: list[Path] = []
    while paths := [path for path in checkpoint.checkpoints(folder / CHECKPOINTS) if path not in damaged]:
        try:
            return checkpoint.load(paths[-1], wanted)
        except checkpoint.LaterFormat:
            raise
        except RunError as error:
            if paths[-1].exists():  # otherwise another process has removed it and saved newer ones
                damaged.append(paths[-1])
                warn(str(error))
    if damaged:
        raise RunError(f"all {len(damaged)} checkpoints of {folder} are damaged; nothing is left to go on from")
    return None


def check_same_recipe(folder: Path, recipe: Recipe, about: checkpoint.About, kinds: Kinds) -> None:
    """Check that a run's recipe is that of its checkpoint, but for what may change on the way.

    Raises:
        RunError: it is not; the differing fields are listed.
    """
    # Both by way of `parse`, so that a field that is new since the checkpoint has its default in both.
    lines = differences(to_table(recipe), to_table(parse_stored(about.recipe, kinds)))
    if lines:
        listed = "".join(f"\n    {line}" for line in lines)
        raise RunError(f"run {folder}: recipe.toml and the checkpoint's recipe differ:{listed}")
