"""An array of images as an image set. The array is not copied: an image is converted when it is read."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ganforge.data.contract import ImageFacts, LeftOut, Pixels
from ganforge.data.pixel_values import Color, ValueRange, check_range, eight_bits, evident_range, over_background
from ganforge.errors import DataError

_BLOCK = 32 << 20  # bytes looked at together


@dataclass(frozen=True, kw_only=True)
class ArraySet:
    """Images in one array, made by `array_set`."""

    images: npt.NDArray[Any]
    """(N, height, width, channels)."""
    value_range: ValueRange
    labels: npt.NDArray[np.int64] | None
    class_names: tuple[str, ...]
    fingerprint: str
    background: Color
    name: str
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    highest: int = 0
    """Largest value, of pixels of more than 8 bits."""

    def __len__(self) -> int:
        return len(self.images)

    def label(self, index: int) -> int:
        """Class number of the image."""
        assert self.labels is not None, "an unlabelled set is not asked"
        return int(self.labels[index])

    def where(self, index: int) -> str:
        """The array's name and the image's place in it."""
        return f"{self.name}[{index}]"

    def read(self, index: int) -> Pixels:
        """Image `index`: uint8 (height, width, 1 or 3)."""
        pixels = eight_bits(self.images[index], self.value_range)
        return over_background(pixels, self.background) if pixels.shape[2] in (2, 4) else pixels

    def facts(self, index: int) -> ImageFacts:
        """The same for all."""
        channels = self.images.shape[3]
        deep = self.images.dtype.itemsize > 1 and self.images.dtype.kind in "iu"
        return ImageFacts(color=channels > 2, transparent=channels in (2, 4), deep=deep, highest=self.highest)


def array_set(
    images: npt.NDArray[Any],
    *,
    name: str,
    labels: npt.NDArray[np.int64] | None = None,
    class_names: tuple[str, ...] = (),
    value_range: ValueRange | None = None,
    background: Color = (255, 255, 255),
    notes: tuple[str, ...] = (),
) -> ArraySet:
    """An array as an image set.

    Args:
        images: uint8, or another number type with a declared or evident range, (N, height, width), (N, height, width,
            1), or with 3 or 4 channels; the fourth, and the second of two, is opacity.
        name: what it is called in messages.
        labels: class numbers (N,), or None.
        class_names: names of the classes.
        value_range: the values of black and white; by default the evident ones: 0 and 255, or of floats 0 and 1, or -1
            and 1 if there are negative ones.
        background: what shows through transparent pixels.
        notes: sentences on what was found.

    Raises:
        DataError: another shape or type, pixels that are not finite, or no evident range.
    """
    images = _with_channels(images, name)
    low, high, digest = _survey(images, name)
    if value_range is None:
        value_range = evident_range(images.dtype, low, high, name)
    else:
        value_range = check_range(value_range, low, high, name)
    about = (images.shape, images.dtype.str, value_range, background, class_names)
    digest.update(repr(about).encode("utf-8", "surrogateescape"))
    if labels is not None:
        digest.update(np.ascontiguousarray(labels).data)
    return ArraySet(
        images=images,
        value_range=value_range,
        labels=labels,
        class_names=class_names,
        fingerprint=f"array {digest.hexdigest()}",
        background=background,
        name=name,
        notes=notes,
        highest=int(high) if images.dtype.itemsize > 1 and images.dtype.kind in "iu" else 0,
    )


def _with_channels(images: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    if images.dtype.kind not in "biuf":
        what = "Python objects" if images.dtype == np.object_ else f"type {images.dtype}"
        raise DataError(f"{name}: an array of {what}, where one of numbers is needed: uint8 (N, height, width, 3)")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim == 4 and images.shape[3] not in (1, 2, 3, 4) and images.shape[1] in (1, 3, 4):
        raise DataError(f"{name}: shape {images.shape} has the channels first; give array.transpose(0, 2, 3, 1)")
    if images.ndim != 4 or images.shape[3] not in (1, 2, 3, 4) or not images.size:
        raise DataError(
            f"{name}: shape {images.shape}, where (N, height, width) or (N, height, width, 1 to 4) is needed"
        )
    return images


def _survey(images: npt.NDArray[Any], name: str) -> tuple[float, float, Any]:
    """Smallest and largest value, and a hash of all, a block at a time."""
    digest = hashlib.sha256()
    lows, highs = [], []
    for block in _blocks(images):
        low, high = float(block.min()), float(block.max())  # NaN if there is one
        if not np.isfinite([low, high]).all():
            raise DataError(f"{name}: pixels that are not finite (NaN or infinite)")
        lows.append(low)
        highs.append(high)
        digest.update(np.ascontiguousarray(block).data)
    return min(lows), max(highs), digest


def _blocks(images: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    rows = max(1, _BLOCK // max(1, images[0].nbytes))
    for start in range(0, len(images), rows):
        yield images[start : start + rows]
