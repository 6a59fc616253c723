"""ganforge: one description of a GAN; any framework trains it; the numbers agree.

    run = ganforge.train("digits", backend="torch")
    pictures = ganforge.load(run.folder).sample(64)         # uint8 (64, height, width, channels)
    generator = ganforge.build("dcgan", backend="torch", overrides={"channels": 3}).generator

The names below are imported when first used, so that `import ganforge` costs nothing.
"""

from typing import TYPE_CHECKING

from ganforge._io.lazy import lazy_exports

if TYPE_CHECKING:
    from ganforge.errors import GanforgeError
    from ganforge.evaluation.evaluating import evaluate
    from ganforge.generation.model import Model
    from ganforge.plugins.markers import hookimpl
    from ganforge.recipes.schema import Recipe
    from ganforge.training.api import build, load, load_recipe, resume, train
    from ganforge.training.run import Run

__version__ = "0.1.0"

_HOMES = {
    "GanforgeError": "errors",
    "Model": "generation.model",
    "Recipe": "recipes.schema",
    "Run": "training.run",
    "build": "training.api",
    "evaluate": "evaluation.evaluating",
    "hookimpl": "plugins.markers",
    "load": "training.api",
    "load_recipe": "training.api",
    "resume": "training.api",
    "train": "training.api",
}

__all__ = [
    "GanforgeError",
    "Model",
    "Recipe",
    "Run",
    "build",
    "evaluate",
    "hookimpl",
    "load",
    "load_recipe",
    "resume",
    "train",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
