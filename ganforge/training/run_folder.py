"""The folder of a run and the recipe in it.

runs/00003-frogs-torch/recipe.toml                the resolved recipe
                       data.json                  what was found at --data
                       journal.jsonl              one line a logged step
                       samples/step-00000500.png  and real.png, real images in the same places
                       checkpoints/step-00012000/
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import tomli_w

from ganforge._io.files import PARTIAL, write_whole
from ganforge._io.locks import LOCK, alone, in_turn
from ganforge._io.toml import read_toml
from ganforge.backend.contract import Workers
from ganforge.errors import RecipeError, RunError
from ganforge.recipes.parsing import parse_stored
from ganforge.recipes.schema import Recipe
from ganforge.recipes.tables import to_table
from ganforge.spec.kind_library import SHIPPED_KINDS
from ganforge.spec.kinds import Kinds

RECIPE, CHECKPOINTS = "recipe.toml", "checkpoints"
"""Names in the folder."""


def check_folder_free(out: Path) -> None:
    """Check that a new run can use a folder.

    Raises:
        RunError: it is not empty, or cannot be read.
    """
    try:
        # Partial files of a killed process, and its lock, do not count.
        taken = out.exists() and (not out.is_dir() or any(path.suffix not in (PARTIAL, LOCK) for path in out.iterdir()))
    except OSError as error:
        raise RunError(f"{out} cannot be read: {error.strerror}") from error
    if taken:
        raise RunError(
            f"{out} already exists; choose another --out (in Python out=), or continue it: ganforge resume {out}"
        )


def new_folder(recipe: Recipe, out: Path | None) -> Path:
    """Make an empty folder for a run: `out`, or the next number under `runs`.

    Raises:
        RunError: `out` is not empty, or the folder cannot be made.
    """
    try:
        if out is not None:
            check_folder_free(out)
            out.mkdir(parents=True, exist_ok=True)
            return out
        parent = Path("runs")
        parent.mkdir(exist_ok=True)
        with in_turn(parent / ".numbering"):
            return _next_number(parent, f"{recipe.name}-{recipe.run.backend}")
    except OSError as error:
        raise RunError(f"no folder for the run can be made: {error.filename}: {error.strerror}") from error


def _next_number(parent: Path, name: str) -> Path:
    numbers = [int(path.name[:5]) for path in parent.iterdir() if path.name[:5].isdecimal()]
    number = max(numbers, default=-1) + 1
    while True:  # without locks another process may take the number first
        folder = parent / f"{number:05d}-{name}"
        try:
            if any(parent.glob(f"{number:05d}-*")):
                raise FileExistsError
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


@contextmanager
def held(folder: Path, workers: Workers, warn: Callable[[str], None]) -> Iterator[bool]:
    """Hold a run's folder against other trainings, on the one of the workers that writes; gives whether this is it.

    Raises:
        RunError: another process trains in it.
    """
    if workers.shard.rank:
        yield False
        return
    with alone(folder, warn):
        yield True


def write_recipe(folder: Path, recipe: Recipe) -> None:
    """Write the resolved recipe into a run's folder."""
    write_whole(folder / RECIPE, tomli_w.dumps(to_table(recipe)).encode())


def read_recipe(folder: Path, kinds: Kinds = SHIPPED_KINDS) -> Recipe:
    """The resolved recipe of a run, whose layers and optimizers are of `kinds`.

    Raises:
        RunError: the folder is not that of a run, or its recipe is damaged.
    """
    path = folder / RECIPE
    if not folder.is_dir():
        raise RunError(f"there is no run at {folder}")
    try:
        return parse_stored(read_toml(path.read_text(encoding="utf-8")), kinds)
    except FileNotFoundError as error:
        raise RunError(f"{folder} is not the folder of a run: it has no {RECIPE}") from error
    except (OSError, ValueError, RecipeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
