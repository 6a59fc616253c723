"""ganforge: one description of a GAN; any framework trains it; the numbers agree.

    run = ganforge.train("digits", backend="torch", steps=100)
    images = ganforge.load(run.folder).sample(64)  # uint8 (64, height, width, channels)
    generator = ganforge.build("dcgan", backend="torch", overrides={"channels": 3}).generator

    ganforge.generation.grid(images)  # as one image, which a notebook shows
    ganforge.spec.Conv(filters=64, kernel=4, stride=2)  # a layer, for a recipe that is made in Python

The names below are imported when first used, so that `import ganforge` costs nothing. docs/python.md is the guide,
docs/api.md the reference.
"""

from typing import TYPE_CHECKING

from ganforge._io.lazy import lazy_exports

if TYPE_CHECKING:
    from ganforge import generation, spec
    from ganforge.errors import GanforgeError
    from ganforge.evaluation.evaluating import evaluate
    from ganforge.generation.model import Model
    from ganforge.plugins.markers import hookimpl
    from ganforge.plugins.registering import register
    from ganforge.recipes.schema import Recipe
    from ganforge.training.describing import load_recipe
    from ganforge.training.models import build, load
    from ganforge.training.resuming import resume
    from ganforge.training.run import Run
    from ganforge.training.starting import train

__version__ = "0.2.0"

_HOMES = {
    "GanforgeError": "errors",
    "Model": "generation.model",
    "Recipe": "recipes.schema",
    "Run": "training.run",
    "build": "training.models",
    "evaluate": "evaluation.evaluating",
    "generation": "generation",
    "hookimpl": "plugins.markers",
    "load": "training.models",
    "load_recipe": "training.describing",
    "register": "plugins.registering",
    "resume": "training.resuming",
    "spec": "spec",
    "train": "training.starting",
}

__all__ = [
    "GanforgeError",
    "Model",
    "Recipe",
    "Run",
    "build",
    "evaluate",
    "generation",
    "hookimpl",
    "load",
    "load_recipe",
    "register",
    "resume",
    "spec",
    "train",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
