"""The contract with an architecture: a named builder of a generator and a discriminator for any image size."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ganforge.spec.network import Network


@dataclass(frozen=True, kw_only=True)
class ArchitectureRequest:
    """What the rest of a recipe asks of an architecture."""

    image_shape: tuple[int, int, int]
    """(height, width, channels)."""
    classes: int
    """Number of labels that both networks are given; 0: unconditional."""
    latent: int
    """Elements of the latent."""
    logits: int
    """Outputs of the discriminator: 1, or what the loss takes."""


@dataclass(frozen=True, kw_only=True)
class ArchitectureEntry:
    """An architecture that a recipe can name."""

    name: str
    summary: str
    options: type[msgspec.Struct]
    """Its parameters, read from the recipe's [architecture] table; unknown keys are refused."""
    build: Callable[[ArchitectureRequest, Any], tuple[Network, Network]]
    """`build(demand, options) -> (generator, discriminator)`."""
