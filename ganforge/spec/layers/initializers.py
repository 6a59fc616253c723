"""Initial values of an array, as data."""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

Positive: TypeAlias = Annotated[float, Meta(gt=0)]


class _Tagged(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """The settings that msgspec needs to read `kind = "..."` into the right class."""


class Constant(_Tagged, frozen=True, kw_only=True, tag="constant"):
    """Every element is `value`."""

    value: float


class Normal(_Tagged, frozen=True, kw_only=True, tag="normal"):
    """N(mean, std^2); DCGAN uses std 0.02 (Radford et al. 2015, section 4)."""

    std: Positive
    mean: float = 0.0


class TruncatedNormal(_Tagged, frozen=True, kw_only=True, tag="truncated_normal"):
    """N(0, std^2), drawn again beyond two standard deviations, as TensorFlow does."""

    std: Positive


class GlorotUniform(_Tagged, frozen=True, kw_only=True, tag="glorot_uniform"):
    """U(-a, a), a = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16)."""


class HeNormal(_Tagged, frozen=True, kw_only=True, tag="he_normal"):
    """N(0, 2 / fan_in) (He et al. 2015, eq. 10)."""


Init: TypeAlias = Constant | Normal | TruncatedNormal | GlorotUniform | HeNormal

ZEROS = Constant(value=0.0)
ONES = Constant(value=1.0)
