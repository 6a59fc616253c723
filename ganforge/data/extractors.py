"""The contract with an extractor of features: what a plugin hands over so that images can be measured by it.

A plugin yields frozen `ExtractorEntry`s from the hook `ganforge_extractors()`. Opening one loads what it needs and
gives an `Extractor` for images of one shape: a function from images to numbers, with what has to be said beside every
figure that is made with it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ganforge.data.contract import ImageShape
from ganforge.spec.arrays import Array, Images, Labels

OnProgress = Callable[[int, int], None]
"""Called with how much is done so far and how much there is in all."""


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A function from images to features, ready to be called."""

    dimension: int
    """Features of an image."""
    fingerprint: str
    """Text that changes whenever the features of some image would: the weights' hash, the size they are resized to."""
    resizing: str
    """What is done to an image first, in a few words; it decides the figures as much as the weights do."""
    function: Callable[[Images], Array]
    """Images (N, height, width, 1 or 3), uint8, to features (N, dimension), float64. The same for the same image
    whenever it is called, and whatever other images are beside it."""
    classify: Callable[[Array], Labels] | None = None
    """Features (N, dimension) to labels (N,), of an extractor that knows the classes. None: an image is taken to show
    the class of most of its nearest real ones."""


@dataclass(frozen=True, kw_only=True)
class Learner:
    """An extractor that first learns from the labelled real images of the evaluation."""

    learn: Callable[[Images, Labels, tuple[str, ...], OnProgress | None], Extractor]
    """`learn(images, labels, class_names, on_progress)`: from images (N, height, width, channels) and their positions
    (N,) in `class_names`. What it learns it keeps: asked again with the same it gives the same features."""


@dataclass(frozen=True, kw_only=True)
class ExtractorEntry:
    """An extractor that can be asked for by name."""

    name: str
    """Name on the command line: lower case, digits and hyphens."""
    summary: str
    """One line: what the features are, how many."""
    open: Callable[[ImageShape, str | None], Extractor | Learner]
    """`open(shape, argument)`: for images of this shape; argument is what follows the name and a colon, as a weights
    file in `--extractor inception:FILE`, and None where nothing does. Imports what is heavy.

    Raises `EvaluationError` for an argument or a shape that it has no use for.
    """
    modules: tuple[str, ...] = ()
    """What must be installed."""
    install: str = ""
    """What to give to `pip install` where it is not."""
    rank: int | None = None
    """The lowest of those installed is the default; None: only by name."""
    frechet: str = "Frechet distance"
    """What its Frechet distance is called. "FID" belongs to Inception-v3 with the original weights alone."""
