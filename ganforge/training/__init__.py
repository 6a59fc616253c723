"""Training a recipe: the experiment, the loop, batches, checkpoints, runs, and several processes at once."""

from typing import TYPE_CHECKING

from ganforge._io.lazy import lazy_exports

if TYPE_CHECKING:
    from ganforge.training.backends import choose_backend, default_backend, find_backend, missing_modules
    from ganforge.training.batches import Batches, batch_indices, draw_latents, draw_step, draw_steps
    from ganforge.training.describing import load_recipe
    from ganforge.training.experiment import Experiment, decoded, resolve, resolve_networks
    from ganforge.training.models import build, load, open_model
    from ganforge.training.resuming import resume
    from ganforge.training.run import Run
    from ganforge.training.starting import plan, train, train_experiment

_HOMES = {
    "Batches": "batches",
    "Experiment": "experiment",
    "Run": "run",
    "batch_indices": "batches",
    "build": "models",
    "choose_backend": "backends",
    "decoded": "experiment",
    "default_backend": "backends",
    "draw_latents": "batches",
    "draw_step": "batches",
    "draw_steps": "batches",
    "find_backend": "backends",
    "load": "models",
    "load_recipe": "describing",
    "missing_modules": "backends",
    "open_model": "models",
    "plan": "starting",
    "resolve": "experiment",
    "resolve_networks": "experiment",
    "resume": "resuming",
    "train": "starting",
    "train_experiment": "starting",
}

__all__ = [
    "Batches",
    "Experiment",
    "Run",
    "batch_indices",
    "build",
    "choose_backend",
    "decoded",
    "default_backend",
    "draw_latents",
    "draw_step",
    "draw_steps",
    "find_backend",
    "load",
    "load_recipe",
    "missing_modules",
    "open_model",
    "plan",
    "resolve",
    "resolve_networks",
    "resume",
    "train",
    "train_experiment",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
