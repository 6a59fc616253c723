"""A GAN to take pictures from: the networks of a recipe with weights, in one framework."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np

from ganforge.backend.contract import Session
from ganforge.errors import GanforgeError
from ganforge.generation.grids import to_pixels
from ganforge.recipes.schema import Recipe
from ganforge.spec import random_streams
from ganforge.spec.arrays import Array, Images, Labels
from ganforge.spec.gan import Gan
from ganforge.spec.protocol import Latent


@dataclass(frozen=True, kw_only=True)
class Model:
    """The networks of a recipe with weights, in one framework."""

    recipe: Recipe
    gan: Gan
    session: Session
    step: int = 0
    """Steps of training behind the weights."""

    @property
    def averaged(self) -> bool:
        """Whether there are averaged (EMA) weights, which pictures are then drawn with."""
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
            seeds: one for each picture.
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

    def draw(self, latents: Array, labels: Labels | None, *, exact: bool = False) -> Images:
        """Images of given latents (N, latent size) and labels (N,): uint8 (N, height, width, channels)."""
        made = self.session.generate(latents, labels, averaged=self.averaged, exact=exact)
        return to_pixels(made, self.gan.pixel_range)

    def _labels(self, seeds: Sequence[int], labels: Sequence[int] | None) -> Labels | None:
        classes = self.gan.classes
        if not classes:
            if labels is not None:
                raise GanforgeError(f"recipe {self.recipe.name!r} is not conditional: it cannot be asked for a label")
            return None
        asked = [seed % classes for seed in seeds] if labels is None else _whole("labels", labels)
        given = np.asarray(asked, dtype=np.int64)
        if len(given) != len(seeds):
            raise GanforgeError(f"{len(given)} labels are given for {len(seeds)} seeds; give one for each")
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


def _whole(word: str, numbers: Sequence[int]) -> list[int]:
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
