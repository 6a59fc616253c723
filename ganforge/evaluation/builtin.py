"""The extractors that come with ganforge and need nothing beside it, as a plugin."""

from collections.abc import Iterable

from ganforge.data.contract import ImageShape
from ganforge.data.extractors import Extractor, ExtractorEntry, Learner
from ganforge.plugins.markers import hookimpl


def _open_random(shape: ImageShape, argument: str | None) -> Extractor:
    from ganforge.evaluation.random_features import open_random

    return open_random(shape, argument)


def _open_pixels(shape: ImageShape, argument: str | None) -> Extractor:
    from ganforge.evaluation.pixel_features import open_pixels

    return open_pixels(shape, argument)


def _open_classifier(shape: ImageShape, argument: str | None) -> Learner:
    from ganforge.evaluation.classifier import open_classifier

    return open_classifier(shape, argument)


EXTRACTORS = (
    ExtractorEntry(
        name="random",
        summary="three layers of random convolutions, up to 560 features; random:SEED for others",
        open=_open_random,
        rank=100,
    ),
    ExtractorEntry(
        name="pixels",
        summary="the grey levels themselves, of sides above 32 after shrinking; pixels:SIDE for another side",
        open=_open_pixels,
    ),
    ExtractorEntry(
        name="classifier",
        summary="a small network that learns the classes of the real images first, 128 features; needs labels",
        open=_open_classifier,
    ),
)


@hookimpl
def ganforge_extractors() -> Iterable[ExtractorEntry]:
    """The extractors that need nothing beside ganforge and a backend."""
    return EXTRACTORS
