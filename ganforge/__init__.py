"""ganforge: one description of a GAN; any framework trains it; the numbers agree.

    run = ganforge.train("digits", backend="torch")
    pictures = ganforge.load(run.folder).sample(64)         # uint8 (64, height, width, channels)
    generator = ganforge.build("dcgan", backend="torch", overrides={"channels": 3}).generator

The names below are imported when first used, so that `import ganforge` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganforge.api import build, describe, load, resume, train
    from ganforge.errors import GanforgeError
    from ganforge.hookspecs import hookimpl
    from ganforge.model import Model
    from ganforge.recipe import Recipe
    from ganforge.run import Run

__version__ = "0.1.0"

_HOMES = {
    "GanforgeError": "errors",
    "Model": "model",
    "Recipe": "recipe",
    "Run": "run",
    "build": "api",
    "describe": "api",
    "hookimpl": "hookspecs",
    "load": "api",
    "resume": "api",
    "train": "api",
}

__all__ = ["GanforgeError", "Model", "Recipe", "Run", "build", "describe", "hookimpl", "load", "resume", "train"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganforge' has no attribute {name!r}")
    return getattr(import_module(f"ganforge.{_HOMES[name]}"), name)
