"""Check an extractor, ours or anybody's: shape, type, and the same features whenever and with whatever it is called."""

from collections.abc import Iterator

import numpy as np

from ganforge.data.contract import ImageShape
from ganforge.data.extractors import Extractor, ExtractorEntry, Learner
from ganforge.plugins.host import default_host
from ganforge.spec import random_streams
from ganforge.spec.arrays import Array, Images
from ganforge.testing.backends import NAME
from ganforge.testing.findings import ConformanceError, Finding

_SHAPES: tuple[ImageShape, ...] = ((32, 32, 3), (28, 28, 1), (48, 40, 3))
_IMAGES, _LEARNED = 7, 40
_ALIKE = 1e-4
"""Relative to the largest feature: what a framework's rounding leaves from one size of batch to another."""


def check_extractor(extractor: str | ExtractorEntry, argument: str | None = None) -> None:
    """Check an extractor by its name or its entry, with what would follow its name and a colon.

    Raises:
        ConformanceError: what is wrong, and where.
        PluginError: no extractor of that name.
    """
    entry = (
        default_host().find("ganforge_extractors", ExtractorEntry, extractor, "extractor")
        if isinstance(extractor, str)
        else extractor
    )
    findings = list(_entry(entry))
    for shape in _SHAPES:
        first, again = (_ready(entry.open(shape, argument), shape) for _ in range(2))
        findings += _opened(first, again, shape)
    if findings:
        raise ConformanceError(f"extractor {entry.name!r}", findings)


def _entry(entry: ExtractorEntry) -> Iterator[Finding]:
    if not NAME.fullmatch(entry.name):
        yield Finding(what="its name is not lower case, digits and hyphens", where=repr(entry.name))
    if not entry.summary.strip() or "\n" in entry.summary:
        yield Finding(what="its summary is not one line", where=repr(entry.summary))
    if entry.modules and not entry.install:
        yield Finding(what="it needs modules and does not say how to install them", where=", ".join(entry.modules))
    if "fid" in entry.frechet.lower() and entry.name != "inception":
        yield Finding(what='"FID" is the name of the distance on Inception-v3 alone', where=repr(entry.frechet))


def _ready(opened: Extractor | Learner, shape: ImageShape) -> Extractor:
    """The extractor; one that learns has learned to tell dark images from light ones."""
    if isinstance(opened, Extractor):
        return opened
    labels = np.arange(_LEARNED) % 2
    noise = random_streams.generator(0, "extractor check, learned").integers(0, 128, (_LEARNED, *shape))
    images = (noise + 128 * labels[:, None, None, None]).astype(np.uint8)
    return opened.learn(images, labels, ("dark", "light"), None)


def _opened(extractor: Extractor, again: Extractor, shape: ImageShape) -> Iterator[Finding]:
    where = "images of {}x{}x{}".format(*shape)
    for field in ("fingerprint", "resizing"):
        text = getattr(extractor, field)
        if not isinstance(text, str) or not text.strip() or "\n" in text:
            yield Finding(what=f"its {field} is not one line", where=repr(text))
    if extractor.fingerprint != again.fingerprint:
        yield Finding(what="opened twice it has two fingerprints: kept features would never be found", where=where)
    images = _images(shape)
    kept = images.copy()
    first = extractor.function(images)
    if not np.array_equal(images, kept):
        yield Finding(what="it changes the images that it is given", where=where)
    if (fault := _fault(first, len(images), extractor.dimension)) is not None:
        yield Finding(what=fault, where=where)
        return
    if not np.ptp(first, axis=0).any():
        yield Finding(what="all images have the same features", where=where)
    largest = max(float(np.abs(first).max()), 1e-30)
    calls = {
        "called again": extractor.function(images),
        "opened again": again.function(images),
        "given the images in another order": extractor.function(images[::-1].copy())[::-1],
        "given one image at a time": np.concatenate([extractor.function(images[i : i + 1]) for i in range(_IMAGES)]),
        "given images that do not lie side by side in memory": extractor.function(np.repeat(images, 2, axis=0)[::2]),
    }
    for how, found in calls.items():
        if found.shape != first.shape or not np.abs(found - first).max() <= _ALIKE * largest:
            yield Finding(what=f"{how}, it gives other features", where=where)


def _fault(found: Array, count: int, dimension: int) -> str | None:
    if not isinstance(found, np.ndarray) or found.dtype != np.float64:
        return f"it gives {getattr(found, 'dtype', type(found).__name__)}, not float64"
    if found.shape != (count, dimension):
        return f"it gives features {found.shape} for {count} images, not ({count}, {dimension}) as it says"
    return None if np.isfinite(found).all() else "it gives NaN or infinity"


def _images(shape: ImageShape) -> Images:
    """Smooth, noisy, black and white ones."""
    draw = random_streams.generator(0, "extractor check")
    images = draw.integers(0, 256, (_IMAGES, *shape), dtype=np.uint8)
    ramp = np.linspace(0, 255, shape[1]).astype(np.uint8)
    images[0], images[1], images[2] = 0, 255, ramp[None, :, None]
    return images
