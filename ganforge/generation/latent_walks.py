"""Walks: images along lines through a generator's latent space, in strips of one row each.

A traversal sweeps one element of a latent and holds the rest, an interpolation goes from seed to seed, and a sweep of
labels holds the latent. All are drawn as samples are, by running or averaged statistics, and change nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image

from ganforge.errors import GanforgeError
from ganforge.generation.grids import grid
from ganforge.generation.model import Model, latents_of
from ganforge.spec.arrays import Array, Images, Labels
from ganforge.spec.protocol import Latent

NORMAL_SPAN = (-3.0, 3.0)
"""Where 99.7 % of a normal latent's elements lie."""
_PARALLEL = 1e-6


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Images in a row."""

    name: str
    images: Images
    """uint8 (steps, height, width, channels)."""


def traverse(
    model: Model,
    *,
    dims: Sequence[int],
    seeds: Sequence[int],
    labels: Sequence[int] | None = None,
    steps: int = 20,
    span: tuple[float, float] | None = None,
) -> list[Strip]:
    """For each label, seed and dim a strip in which that element of the seed's latent takes `steps` even values.

    Args:
        dims: elements of the latent, from 0.
        seeds: of the latents, as in `Model.sample`.
        labels: of a conditional GAN; by default the seed modulo the number of classes.
        steps: images in a strip, 2 or more.
        span: the first and the last value; by default the range of a uniform latent, -3 to 3 of a normal one.

    Raises:
        GanforgeError: an element or a label out of range, no seed, or too few steps.
    """
    latent = model.gan.protocol.latent
    wrong = next((dim for dim in dims if not 0 <= dim < latent.size), None)
    if wrong is not None:
        raise GanforgeError(f"the latent has no element {wrong}; its elements are 0 to {latent.size - 1}")
    _refuse_few(steps)
    values = np.linspace(*(span or span_of(latent)), steps)
    strips = []
    for label, seed, start in _starts(model, seeds, labels):
        for dim in dims:
            latents = np.repeat(start[np.newaxis], steps, axis=0)
            latents[:, dim] = values
            strips.append(_strip(model, f"seed {seed}, dim {dim}", latents, label))
    return strips


def interpolate(
    model: Model, *, seeds: Sequence[int], labels: Sequence[int] | None = None, steps: int = 10
) -> list[Strip]:
    """For each label, and from each seed to the next, a strip of `steps` images whose ends are those of the seeds.

    Along the arc between normal latents, straight between uniform ones.

    Args:
        seeds: two or more, as in `Model.sample`.
        labels: of a conditional GAN, held all the way; by default the first seed modulo the number of classes.
        steps: images in a strip with both ends, 2 or more.

    Raises:
        GanforgeError: fewer than two seeds, too few steps, or a label out of range.
    """
    if len(seeds) < 2:
        raise GanforgeError("an interpolation goes from seed to seed: give two or more, as 3,8,21")
    _refuse_few(steps)
    latent = model.gan.protocol.latent
    ends = latents_of(latent, seeds)
    strips = []
    for label in _held(model, seeds[:1], labels):
        for number, (one, other) in enumerate(pairwise(seeds)):
            latents = latent_path(ends[number], ends[number + 1], steps, spherical=latent.distribution == "normal")
            strips.append(_strip(model, f"seed {one} to {other}", latents, label))
    return strips


def sweep_labels(model: Model, *, seeds: Sequence[int], labels: Sequence[int]) -> list[Strip]:
    """For each seed a strip of all `labels` in turn, the latent held.

    Raises:
        GanforgeError: an unconditional GAN, or a label out of range.
    """
    return [
        Strip(name=f"seed {seed}", images=model.sample(seeds=[seed] * len(labels), labels=labels)) for seed in seeds
    ]


def latent_path(start: Array, end: Array, steps: int, *, spherical: bool) -> Array:
    """(steps, latent size): from one latent to another, both included exactly.

    Spherical: along the great arc (Shoemake 1985; White 2016, "Sampling generative networks", section 2), since the
    straight way between two normal latents passes where the generator has seen none: too near the origin. The length
    goes evenly from one to the other, so that latents of unlike lengths make no detour. Latents that point the same way
    or opposite ways have no single arc; between them it is straight.
    """
    at = np.linspace(0.0, 1.0, steps)[:, np.newaxis]
    latents = (1 - at) * start + at * end
    lengths = float(np.linalg.norm(start)), float(np.linalg.norm(end))
    if spherical and min(lengths) > 0.0:
        first, last = start / lengths[0], end / lengths[1]
        angle = np.arccos(np.clip(first @ last, -1.0, 1.0))
        if np.sin(angle) > _PARALLEL:
            directions = (np.sin((1 - at) * angle) * first + np.sin(at * angle) * last) / np.sin(angle)
            latents = ((1 - at) * lengths[0] + at * lengths[1]) * directions
    latents[0], latents[-1] = start, end
    return np.asarray(latents)


def span_of(latent: Latent) -> tuple[float, float]:
    """The first and the last value of a traversal where none are given."""
    return NORMAL_SPAN if latent.distribution == "normal" else (latent.low, latent.high)


def sheet(strips: Sequence[Strip], caption: str = "") -> Image.Image:
    """All strips, one below the other, each with its name."""
    images = np.concatenate([strip.images for strip in strips])
    return grid(images, columns=len(strips[0].images), caption=caption, rows=[strip.name for strip in strips])


def joined(strips: Sequence[Strip], segments: int) -> list[Strip]:
    """Every `legs` strips of an interpolation as one whole way, the seeds between them passed by once."""
    paths = [strips[first : first + segments] for first in range(0, len(strips), segments)]
    return [
        Strip(name="", images=np.concatenate([path[0].images, *(strip.images[1:] for strip in path[1:])]))
        for path in paths
    ]


def frames(strips: Sequence[Strip], caption: str = "") -> list[Image.Image]:
    """Every step of all strips at once, one below the other: an animation."""
    names = [strip.name for strip in strips] if any(strip.name for strip in strips) else []
    columns = zip(*(strip.images for strip in strips), strict=True)
    return [grid(np.stack(column), columns=1, caption=caption, rows=names, smallest=96) for column in columns]


def _starts(model: Model, seeds: Sequence[int], labels: Sequence[int] | None) -> list[tuple[int | None, int, Array]]:
    if not seeds:
        raise GanforgeError("no seed is given, so there is nothing to draw")
    starts = latents_of(model.gan.protocol.latent, seeds)
    if labels is None:
        return list(zip(_held(model, seeds, None), seeds, starts, strict=True))
    return [(label, *each) for label in _held(model, seeds, labels) for each in zip(seeds, starts, strict=True)]


def _held(model: Model, seeds: Sequence[int], labels: Sequence[int] | None) -> list[int | None]:
    """The labels asked for, checked; without any those that `Model.sample` gives the seeds."""
    classes = model.gan.classes
    if labels is None:
        return [seed % classes if classes else None for seed in seeds]
    if not classes:
        raise GanforgeError(f"recipe {model.recipe.name!r} is not conditional: it cannot be asked for labels")
    wrong = next((label for label in labels if not 0 <= label < classes), None)
    if wrong is not None:
        raise GanforgeError(f"there is no label {wrong}; labels are 0 to {classes - 1}")
    return list(labels)


def _strip(model: Model, name: str, latents: Array, label: int | None) -> Strip:
    labels: Labels | None = None if label is None else np.full(len(latents), label, dtype=np.int64)
    words = name if label is None else f"{name} as {model.recipe.class_names[label]}"
    return Strip(name=words, images=model.draw(latents, labels))


def _refuse_few(steps: int) -> None:
    if steps < 2:
        raise GanforgeError(f"a strip has two ends, so it takes 2 steps or more, not {steps}")
