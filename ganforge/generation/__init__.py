"""What a trained GAN makes: sampled images, walks through the latent space, grids, curves and animations."""

from typing import TYPE_CHECKING

from ganforge._io.lazy import lazy_exports

if TYPE_CHECKING:
    from ganforge.generation.animations import progress, save_gif, save_mp4
    from ganforge.generation.grids import grid, save_png, to_pixels
    from ganforge.generation.latent_walks import Strip, frames, interpolate, sheet, sweep_labels, traverse
    from ganforge.generation.loss_curves import draw
    from ganforge.generation.model import Model, latents_of
    from ganforge.generation.sampling import draw_grid, save_grid, save_npz
    from ganforge.generation.statistics import estimate_statistics

_HOMES = {
    "Model": "model",
    "Strip": "latent_walks",
    "draw": "loss_curves",
    "draw_grid": "sampling",
    "estimate_statistics": "statistics",
    "frames": "latent_walks",
    "grid": "grids",
    "interpolate": "latent_walks",
    "latents_of": "model",
    "progress": "animations",
    "save_gif": "animations",
    "save_grid": "sampling",
    "save_mp4": "animations",
    "save_npz": "sampling",
    "save_png": "grids",
    "sheet": "latent_walks",
    "sweep_labels": "latent_walks",
    "to_pixels": "grids",
    "traverse": "latent_walks",
}

__all__ = [
    "Model",
    "Strip",
    "draw",
    "draw_grid",
    "estimate_statistics",
    "frames",
    "grid",
    "interpolate",
    "latents_of",
    "progress",
    "save_gif",
    "save_grid",
    "save_mp4",
    "save_npz",
    "save_png",
    "sheet",
    "sweep_labels",
    "to_pixels",
    "traverse",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
