"""ganforge: one description of a GAN; any framework trains it; the numbers agree.

    run = ganforge.train("digits", backend="torch", steps=100)
    images = ganforge.load(run.folder).sample(64)           # uint8 (64, height, width, channels)
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
    from ganforge.training.describing import load_recipe
    from ganforge.training.models import build, load
    from ganforge.training.resuming import resume
    from ganforge.training.run import Run
    from ganforge.training.starting import train

__version__ = "0.1.0"

_HOMES = {
    "GanforgeError": "errors",
    "Model": "generation.model",
    "Recipe": "recipes.schema",
    "Run": "training.run",
    "build": "training.models",
    "evaluate": "evaluation.evaluating",
    "hookimpl": "plugins.markers",
    "load": "training.models",
    "load_recipe": "training.describing",
    "resume": "training.resuming",
    "train": "training.starting",
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
