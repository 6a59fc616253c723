"""What is measured: the real images, and the images of a run at its checkpoints."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ganforge._io.paths import expanded
from ganforge.data.contract import ImageSet, ImageShape
from ganforge.data.extractors import OnProgress
from ganforge.data.memory import NAME
from ganforge.data.preparing import Prepared
from ganforge.errors import RunError
from ganforge.generation.model import Model
from ganforge.generation.model_files import is_weight
from ganforge.plugins.host import default_host
from ganforge.recipes.parsing import parse_stored
from ganforge.recipes.reading import read
from ganforge.recipes.schema import Recipe
from ganforge.spec.arrays import Labels
from ganforge.training import checkpoint
from ganforge.training.data_sets import decode, with_data
from ganforge.training.parts import find_data_set
from ganforge.training.run_checkpoints import load_checkpoint
from ganforge.training.run_folder import CHECKPOINTS, read_recipe

Load: TypeAlias = Callable[[Path], Model]
"""Opens the newest model of a run, as `ganforge.load` does."""


@dataclass(frozen=True, kw_only=True)
class Real:
    """Real images, and what to call them."""

    images: Prepared
    name: str


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / "recipe.toml").is_file()


def recipe_of(folder: Path) -> Recipe:
    """The recipe of a run. Raises `RunError`: it is none."""
    return read_recipe(folder)


def real_images_of_run(folder: Path, data: Path | ImageSet | None, on_progress: OnProgress | None) -> Real:
    """The images that a run was trained on, as the network saw them; `data`: where they lie now, or the images."""
    if data is None or isinstance(data, Path):
        return _real(read(read_recipe(folder), default_host(), data=data), None, on_progress)
    return _real(read(read_recipe(folder), default_host()), data, on_progress)


def real_images(
    dataset: str,
    data: Path | ImageSet | None,
    shape: ImageShape,
    options: dict[str, Any],
    on_progress: OnProgress | None,
) -> Real:
    """The images of a data set at a given shape, cut and scaled as 'cover' does."""
    image_set = None if data is None or isinstance(data, Path) else data
    path = {"path": str(expanded(data).absolute())} if isinstance(data, Path) else {}
    table = {
        "name": "evaluate",
        "image_size": list(shape[:2]),
        "channels": shape[2],
        "data": {"set": NAME if image_set is not None else dataset, **path, **options},
    }
    return _real(parse_stored(table), image_set, on_progress)


def _real(recipe: Recipe, image_set: ImageSet | None, on_progress: OnProgress | None) -> Real:
    """image_set: images that a caller has handed over, in place of the recipe's."""
    completed, opened = with_data(recipe, find_data_set(recipe, default_host()), image_set)
    path = f" at {recipe.data.path}" if recipe.data.path is not None else ""
    name = f"{recipe.data.set}{path}" if image_set is None else NAME
    return Real(images=decode(completed, opened, on_progress), name=name)


def steps_of(folder: Path) -> list[int]:
    """The steps of a run's checkpoints, in order.

    Raises:
        RunError: it has none.
    """
    found = [int(path.name.removeprefix("step-")) for path in checkpoint.checkpoints(folder / CHECKPOINTS)]
    if not found:
        raise RunError(f"run {folder} has no checkpoint yet, so there is nothing to measure")
    return found


def models_of(folder: Path, steps: list[int] | None, load: Load) -> Iterator[Model]:
    """The model of a run at some of its checkpoints; None: at the newest that is whole.

    Raises:
        RunError: no such checkpoint; those that there are are listed.
    """
    there = steps_of(folder)
    wrong = next((step for step in steps or () if step not in there), None)
    if wrong is not None:
        kept = ", ".join(map(str, there))
        raise RunError(f"run {folder} has no checkpoint of step {wrong}; it has {kept}")
    model = load(folder)
    if steps is None:
        yield model
        return
    for step in steps:
        about, state = load_checkpoint(folder, step, is_weight)
        model.session.load_state(state)
        yield Model(recipe=model.recipe, gan=model.gan, session=model.session, step=about.step)


def labels_like(model: Model, labels: Labels | None) -> list[int] | None:
    """Labels to draw a conditional model with: those of the real images that it is compared with."""
    return [int(label) for label in labels] if model.gan.classes and labels is not None else None
