"""A GAN to draw images with: the networks of a recipe with weights, in one framework."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import Any

import numpy as np

from ganforge._io.words import counted
from ganforge.backend.contract import Session
from ganforge.errors import GanforgeError
from ganforge.generation.grids import grid, to_pixels
from ganforge.generation.html import card
from ganforge.generation.loss_curves import draw_small
from ganforge.generation.model_files import write_model
from ganforge.recipes.schema import Recipe
from ganforge.spec import random_streams
from ganforge.spec.arrays import Array, Images, Labels
from ganforge.spec.gan import NETWORKS, Gan, NetworkName
from ganforge.spec.protocol import Latent

_SHOWN_ROWS, _SHOWN_COLUMNS = 5, 8
"""Of the grid in a notebook."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Model:
    """The networks of a recipe with weights, in one framework."""

    recipe: Recipe
    gan: Gan
    session: Session
    step: int = 0
    """Steps of training behind the weights."""
    history: Mapping[str, Array] = field(default_factory=dict)
    """What the run that it was loaded from has logged: an array (N,) for each name, `step` among them."""

    @property
    def averaged(self) -> bool:
        """Whether there are averaged (EMA) weights, which images are then drawn with."""
        return self.gan.protocol.average is not None

    def sample(
        self,
        count: int = 64,
        *,
        seeds: Sequence[int] | None = None,
        labels: Sequence[int] | None = None,
        exact: bool = False,
    ) -> Images:
        """Generated images: uint8 (N, height, width, channels).

        The image of a seed (and label) is the same to one grey level whatever else is asked for beside it.

        Args:
            count: how many, of the seeds 0 .. count - 1, where `seeds` is not given.
            seeds: one for each image.
            labels: one for each image of a conditional GAN; by default the seed modulo the number of classes.
            exact: whether it is the same bit for bit, which takes longer.

        Raises:
            GanforgeError: labels asked of an unconditional GAN, out of range, or not as many as seeds; numbers that are
                not whole, or negative seeds.
        """
        chosen = list(range(count)) if seeds is None else _whole("seeds", seeds)
        if not chosen:
            raise GanforgeError("no seed is given, so there is nothing to draw")
        if min(chosen) < 0:
            raise GanforgeError(f"seeds are whole numbers from 0, not {min(chosen)}")
        given = self._labels(chosen, labels)
        return self.draw(latents_of(self.gan.protocol.latent, chosen), given, exact=exact)

    def draw(self, latents: Array, labels: Labels | Sequence[int] | None = None, *, exact: bool = False) -> Images:
        """Images of given latents: uint8 (N, height, width, channels).

        Args:
            latents: (N, latent size), finite; `latents_of` gives those of seeds.
            labels: (N,) whole numbers for a conditional GAN, which needs them; None for another.
            exact: see `sample`.

        Raises:
            GanforgeError: latents or labels of another shape or kind, or a label out of range.
        """
        checked = self._checked_latents(latents)
        if labels is None and self.gan.classes:
            raise GanforgeError(f"recipe {self.recipe.name!r} is conditional: draw needs a label for each latent")
        given = self._labels(range(len(checked)), labels)
        made = self.session.generate(checked, given, averaged=self.averaged, exact=exact)
        return to_pixels(made, self.gan.pixel_range)

    def _checked_latents(self, latents: Array) -> Array:
        size = self.gan.protocol.latent.size
        try:
            checked = np.asarray(latents, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise GanforgeError(f"latents must be an array of numbers: {error}") from error
        if checked.ndim != 2 or checked.shape[1] != size or not len(checked):
            raise GanforgeError(f"latents must have shape (N, {size}), not {checked.shape}")
        if not np.isfinite(checked).all():
            raise GanforgeError("latents must be finite; some are NaN or infinite")
        return checked

    def _labels(self, seeds: Sequence[int], labels: Labels | Sequence[int] | None) -> Labels | None:
        classes = self.gan.classes
        if not classes:
            if labels is not None:
                raise GanforgeError(f"recipe {self.recipe.name!r} is not conditional: it cannot be asked for a label")
            return None
        asked = [seed % classes for seed in seeds] if labels is None else _whole("labels", labels)
        given = np.asarray(asked, dtype=np.int64)
        if len(given) != len(seeds):
            raise GanforgeError(f"{len(given)} labels are given for {len(seeds)} images; give one for each")
        wrong = given[(given < 0) | (given >= classes)]
        if wrong.size:
            raise GanforgeError(f"there is no label {wrong[0]}; labels are 0 to {classes - 1}")
        return given

    @property
    def generator(self) -> Any:
        """The framework's own generator module, averaged weights where there are any; yours to keep."""
        return self.session.native("generator", averaged=self.averaged)

    @property
    def discriminator(self) -> Any:
        """The framework's own discriminator module; yours to keep."""
        return self.session.native("discriminator")

    def load_native(self, module: Any, network: NetworkName = "generator") -> None:
        """Take over the weights of a module that `generator` or `discriminator` gave, as after fine-tuning it.

        A generator's weights become the averaged ones too, where there are any, since images are drawn with those.

        Args:
            module: a `torch.nn.Module`, a Keras model, or in JAX the pair `(apply, params)` or `params` alone.
            network: "generator" or "discriminator", whose module it is.

        Raises:
            GanforgeError: a module of another framework or network, or a weight that is not finite; nothing changes.
        """
        if network not in NETWORKS:
            raise GanforgeError(f"network must be 'generator' or 'discriminator', not {network!r}")
        read = self.session.native_arrays(network, module)
        wrong = next((name for name, array in read.items() if not np.isfinite(array).all()), None)
        if wrong is not None:
            raise GanforgeError(f"array {wrong} of the module is not finite; nothing was taken over")
        state = self.session.state()
        for name, array in read.items():
            state[f"{network}/{name}"] = array
            if network == "generator" and f"averaged/{name}" in state:
                state[f"averaged/{name}"] = array
        self.session.load_state(state)

    def save(self, path: str | Path, *, discriminator: bool = True) -> Path:
        """Write the model into one file, which `ganforge.load` reads in any framework; returns its path.

        The file holds the recipe and the weights, and nothing of the optimizers: it is for drawing images, and training
        goes on from a run. Its format is safetensors, with the recipe in the metadata.

        Args:
            path: ends in `.safetensors`; a file that is there is replaced.
            discriminator: whether the file holds it too. Images are drawn without it; a model that is loaded from a
                file without has an untrained one.

        Raises:
            GanforgeError: another ending, or the file cannot be written.
        """
        state = self.session.state()
        if not discriminator:
            state = {name: array for name, array in state.items() if not name.startswith("discriminator/")}
        return write_model(Path(path), self.recipe, state, self.step)

    def __repr__(self) -> str:
        """One line: recipe, framework, size, classes, steps."""
        height, width, channels = self.gan.image_shape
        classes = f", {self.gan.classes} classes" if self.gan.classes else ""
        return (
            f"<ganforge.Model {self.recipe.name:.80}: {self.recipe.run.backend}, {height}x{width}x{channels}{classes}, "
            f"{counted(self.step, 'step')}>"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: a grid of its images, and the loss curve of the run that it was loaded from."""
        classes, shown = self.gan.classes, _SHOWN_ROWS * _SHOWN_COLUMNS
        if classes:
            rows = min(classes, _SHOWN_ROWS)
            seeds = [seed for _ in range(rows) for seed in range(_SHOWN_COLUMNS)]
            images = self.sample(seeds=seeds, labels=[label for label in range(rows) for _ in range(_SHOWN_COLUMNS)])
            names = [self.recipe.class_names[label] for label in range(rows)]
        else:
            images, names = self.sample(shown), []
        curve = draw_small(self.history)
        return card(repr(self)[1:-1], [grid(images, columns=_SHOWN_COLUMNS, rows=names), *([curve] if curve else [])])


def _whole(word: str, numbers: Iterable[int]) -> list[int]:
    try:
        return [index(number) for number in numbers]
    except TypeError as error:
        raise GanforgeError(f"{word} must be whole numbers, as range(64), not {numbers!r:.60}") from error


def latents_of(latent: Latent, seeds: Sequence[int]) -> Array:
    """The latent of each seed, (len(seeds), latent size): a function of the seed alone."""
    if latent.distribution == "normal":
        return np.stack([random_streams.generator(seed, "sample").standard_normal(latent.size) for seed in seeds])
    return np.stack(
        [random_streams.generator(seed, "sample").uniform(latent.low, latent.high, latent.size) for seed in seeds]
    )
