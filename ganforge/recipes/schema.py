"""The types of a recipe: data set, architecture and way of training, each with its settings."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from ganforge.data.resizing_settings import CropRounding, Filter, Fit, Resizing
from ganforge.errors import RecipeError
from ganforge.recipes.templates import Written
from ganforge.spec.layers.contract import Count
from ganforge.spec.protocol import Protocol

Table = dict[str, Any]
"""A recipe, or a part of one, as TOML has it."""
ImageSize: TypeAlias = int | str | tuple[Count, Count]
"""Of an image, as a recipe writes them: one number, "HEIGHTxWIDTH", or [height, width]."""


@dataclass(frozen=True, kw_only=True)
class RecipeEntry:
    """A recipe that can be asked for by name."""

    name: str
    path: Path
    """Its TOML file."""


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a run takes and what it leaves behind."""

    steps: Count | None = None
    """Steps in all; None: by `epochs`."""
    epochs: Count | None = None
    """Passes of the discriminator over the data set, where `steps` is not given."""
    seed: Annotated[int, Meta(ge=0)] = 0
    precision: Literal["float32", "float64", "bfloat16"] = "float32"
    device: str = "auto"
    """The best that there is on a machine, or a common name of one (`ganforge.backend.devices`), as 'cuda:1'."""
    backend: str | None = None
    """None: the first whose framework is installed."""
    log_every: Count = 50
    sample_every: Count = 500
    checkpoint_every: Count = 1000
    keep: Count = 3
    """Newest checkpoints that are kept."""
    keep_every: Count | None = None
    """Steps between checkpoints that are kept for good, beside the newest ones. None: none is."""


Measure: TypeAlias = Literal["kid", "frechet", "precision", "recall", "density", "coverage", "mind"]
"""Of generated images against real ones, as `ganforge.evaluation` computes them."""


class EvaluationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is measured while it trains."""

    every: Count | None = None
    """Steps between measurements; one more is made after the last step. None: with `keep_best` at every checkpoint,
    otherwise never."""
    extractor: str | None = None
    """As `--extractor` of `ganforge evaluate`; None: the best that is installed."""
    images: Annotated[int, Meta(ge=6)] = 1000
    """Generated images, and real ones to compare them with; at most half of the real ones."""
    measures: tuple[Measure, ...] = ("kid", "precision", "recall")
    keep_best: Literal["kid", "frechet", "mind"] | None = None
    """Keep the checkpoint at which this is lowest, whatever `keep` says."""


class DataSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where images come from. Keys beside these are the data set's own options."""

    set: str = "digits"
    path: str | None = None
    fit: Fit = "cover"
    """Fill the image and cut what is over (in one step, or after resizing), ignore its proportions, or show all of it
    on `padding`."""
    crop: ImageSize | None = None
    """Cut so much out of each image's center before it is fitted; None: fit all of it."""
    crop_rounding: CropRounding = "down"
    """If an odd number of pixels is cut off: half of it rounded down, or to the even neighbour."""
    crop_small: Literal["refuse", "keep"] = "refuse"
    """What to do with an image smaller than `crop`: refuse it, or keep the whole of the side that is smaller."""
    filter: Filter = "bicubic"
    antialias: bool = True
    """Whether the filter widens as an image shrinks."""
    padding: str = "black"
    """Color around an image with fit 'pad'."""
    max_bad: Annotated[int, Meta(ge=0)] = 10
    """Images that may be unreadable, or smaller than `crop`, before that is an error."""
    rules: Literal[1, 2, 3] = 3
    """How a data set that has had other rules finds and orders its files; a run keeps those that it began with.

    1: class folders are sorted as text. 2: of the data set folder, numbers in their names are sorted as numbers, links
    to folders are followed, tables of labels are read, what ganforge wrote is left out. 3: of faces and anime too.
    """
    options: Table = {}
    """The data set's own, as given; checked when it is opened."""

    @property
    def resizing(self) -> Resizing:
        """How each image is brought to the size of the networks."""
        return Resizing(
            fit=self.fit,
            crop=None if self.crop is None else height_width(self.crop),
            crop_rounding=self.crop_rounding,
            crop_small=self.crop_small,
            filter=self.filter,
            antialias=self.antialias,
            padding=self.padding,
        )


class ArchitectureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A named architecture. Keys beside `name` are its own options."""

    name: str = "dcgan"
    options: Table = {}


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that decides what is trained, on what and how. One line each in the TOML file."""

    name: str
    summary: str = ""
    image_size: ImageSize = 64
    channels: Literal[1, 3] | None = None
    """None: 3 if an image of the data set has color, else 1."""
    conditional: bool = False
    """Whether both networks are given the label."""
    class_names: tuple[str, ...] = ()
    """Of a conditional recipe; filled in from the data set."""
    data: DataSettings = DataSettings()
    architecture: ArchitectureSettings | None = None
    width: Count | None = None
    """What layers that are written out may call `width`, as in `filters = "8 * width"`: all of them at once."""
    layers: dict[str, Table] = {}
    """By kind, settings of all written layers of that kind that do not say otherwise."""
    generator: tuple[Written, ...] | None = None
    """Its layers, written out instead of an architecture, as `ganforge.recipes.templates` reads them."""
    discriminator: tuple[Written, ...] | None = None
    training: Protocol = Protocol()
    run: RunSettings = RunSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return height_width(self.image_size)

    @property
    def evaluate_every(self) -> int | None:
        """Steps between measurements; None: none is made."""
        at_checkpoints = self.run.checkpoint_every if self.evaluation.keep_best is not None else None
        return self.evaluation.every or at_checkpoints

    def with_run(self, **settings: Any) -> "Recipe":
        """The recipe with other settings of `[run]`."""
        return msgspec.structs.replace(self, run=msgspec.structs.replace(self.run, **settings))

    @property
    def written(self) -> dict[str, tuple[Written, ...]]:
        """The layers of both networks, as far as they are written out."""
        return {"generator": self.generator or (), "discriminator": self.discriminator or ()}


def height_width(sides: ImageSize) -> tuple[int, int]:
    """(height, width) of an image size as a recipe writes it."""
    match sides:
        case int(side):
            return side, side
        case str(text):
            height, _, width = text.partition("x")
            return int(height), int(width)
        case both:
            return both


def check_size(place: str, sides: ImageSize) -> None:
    """Check an image size as a recipe writes it.

    Raises:
        RecipeError: it is none; the message names `place`.
    """
    if isinstance(sides, str) and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", sides):
        raise RecipeError(f"{place} takes one number or HEIGHTxWIDTH, as 96x64, not {sides!r}")
    if min(height_width(sides)) < 1:
        raise RecipeError(f"{place} must be at least 1, not {sides!r}")
