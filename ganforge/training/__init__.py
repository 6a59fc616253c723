"""Training a recipe: the loop, batches, checkpoints, runs, and several processes at once."""

from typing import TYPE_CHECKING

from ganforge._io.lazy import lazy_exports

if TYPE_CHECKING:
    from ganforge.training.api import build, default_backend, load, load_recipe, plan, prepared, resume, train
    from ganforge.training.batches import batch_indices, draw_latents, draw_step, draw_steps
    from ganforge.training.experiment import (
        build_gan,
        find_backend,
        missing_modules,
        open_data,
        open_session,
        resolve_recipe,
    )
    from ganforge.training.run import Run

_HOMES = {
    "Run": "run",
    "batch_indices": "batches",
    "build": "api",
    "build_gan": "experiment",
    "default_backend": "api",
    "draw_latents": "batches",
    "draw_step": "batches",
    "draw_steps": "batches",
    "find_backend": "experiment",
    "load": "api",
    "load_recipe": "api",
    "missing_modules": "experiment",
    "open_data": "experiment",
    "open_session": "experiment",
    "plan": "api",
    "prepared": "api",
    "resolve_recipe": "experiment",
    "resume": "api",
    "train": "api",
}

__all__ = [
    "Run",
    "batch_indices",
    "build",
    "build_gan",
    "default_backend",
    "draw_latents",
    "draw_step",
    "draw_steps",
    "find_backend",
    "load",
    "load_recipe",
    "missing_modules",
    "open_data",
    "open_session",
    "plan",
    "prepared",
    "resolve_recipe",
    "resume",
    "train",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
