"""How images are found and read: settings alone, without what does it."""

from typing import Annotated, Literal

import msgspec

MEGAPIXELS = 80  # below the 89 million at which Pillow starts to warn, so that the one message that a user sees is ours


class Reading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an image file becomes 8 bits a channel."""

    background: str = "white"
    """Color that shows through transparent pixels: white is the page for which cut-outs are mostly made."""
    value_range: tuple[float, float] | None = None
    """Values that become black and white, of images of more than 8 bits, as (0, 4095) for 12. None: (0, 65535)."""
    megapixels: Annotated[int, msgspec.Meta(ge=1)] = MEGAPIXELS
    """Largest image that is read, in millions of pixels."""


PLAIN_READING = Reading()


class OpenOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How images are found and read."""

    pattern: str = "**/*"
    """Which files of a folder are taken, as a glob pattern, `**` at most once; those that are images."""
    labels: str = "auto"
    """Where labels come from.

    'subfolders': the first folder on the way to an image is its class. 'none': no labels. The name of a table beside
    the images, as labels.csv. 'auto': a table labels.csv, metadata.csv, metadata.jsonl or dataset.json if there is one;
    else subfolders, if every image lies directly in one of at least two.
    """
    label_column: str | None = None
    """Column of the labels in a table; by default the one called label or class, or the only one."""
    split: str | None = None
    """Only this part: the images below a folder of this name, or the arrays of this name."""
    background: str = "white"
    """Color that shows through transparent pixels, as CSS writes it."""
    value_range: tuple[float, float] | None = None
    """Values that become black and white, of images of more than 8 bits and of arrays: [0, 4095] for 12 bits."""
    megapixels: Annotated[int, msgspec.Meta(ge=1)] = MEGAPIXELS
    """Largest image that is read, in millions of pixels."""
    by_content: bool = False
    """Whether files without a suffix are looked into, and taken if they are images."""
    transpose: bool | None = None
    """Whether rows and columns of IDX images are exchanged; by default those of EMNIST."""
    rules: Literal[1, 2, 3] = 3
    """Which files are found, and the order of the classes. 1 and 2 are those of earlier runs, which keep them."""

    @property
    def reading(self) -> Reading:
        """How an image becomes 8 bits a channel."""
        return Reading(background=self.background, value_range=self.value_range, megapixels=self.megapixels)


PLAIN_OPENING = OpenOptions()
