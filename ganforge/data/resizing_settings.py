"""How an image is brought to the shape that a network takes: settings alone, without what computes it."""

from typing import Literal

import msgspec

Fit = Literal["cover", "resize_crop", "stretch", "pad"]
"""What to do with another aspect ratio: cut off what is over, in one step or after resizing; ignore it; or fill up."""

Filter = Literal["nearest", "bilinear", "bicubic", "area", "lanczos"]
"""How a pixel is computed from those around it."""

Crop = tuple[int, int]
"""Height and width."""

CropRounding = Literal["down", "even"]
"""Where the centre begins if an odd number of pixels is cut off: half of it rounded down, as TensorFlow and Keras do
it, or to the even neighbour, as torchvision does it."""


class Resizing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an image is brought to another shape. Every rule is in docs/semantics.md, "Resizing"."""

    fit: Fit = "cover"
    crop: Crop | None = None
    """Height and width of the centre that is cut out first; None: all of it."""
    crop_rounding: CropRounding = "down"
    crop_small: Literal["refuse", "keep"] = "refuse"
    """What to do with an image smaller than `crop`: refuse it, or keep the whole of the side that is smaller."""
    # Bicubic rather than Lanczos because beside a bright stroke on black it only undershoots, which clips to black:
    # Lanczos adds a second, faint outline when small images are enlarged, and a generator learns it.
    filter: Filter = "bicubic"
    antialias: bool = True
    """Whether the filter widens as an image shrinks. 'nearest' and 'area' do not depend on it."""
    padding: str = "black"
    """Color around the image with fit 'pad', as CSS writes colors: a name, or '#rrggbb'."""


PLAIN = Resizing()
"""Of a recipe that says nothing of it."""
