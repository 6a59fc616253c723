"""Images that some object gives one at a time, as an image set: looked at once to know them, read when asked for."""

import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from typing import Any

import numpy as np
import numpy.typing as npt

from ganforge.data.class_labels import class_labels
from ganforge.data.contract import Pixels
from ganforge.data.pixel_values import Color, ValueRange, check_range, eight_bits, evident_range, over_background
from ganforge.errors import DataError

Item = tuple[npt.NDArray[Any], Any]
"""An image, (height, width, 1 to 4) of any number type, and its label or None."""


@dataclass(frozen=True, kw_only=True)
class ItemSet:
    """Images that `image` gives, made by `item_set` or `spooled_set`."""

    count: int
    image: Callable[[int], npt.NDArray[Any]]
    value_range: ValueRange
    labels: npt.NDArray[np.int64] | None
    class_names: tuple[str, ...]
    fingerprint: str
    background: Color
    name: str

    def __len__(self) -> int:
        return self.count

    def label(self, index: int) -> int:
        """Class number of the image."""
        assert self.labels is not None, "an unlabelled set is not asked"
        return int(self.labels[index])

    def where(self, index: int) -> str:
        """The object's name and the image's place in it."""
        return f"{self.name}[{index}]"

    def read(self, index: int) -> Pixels:
        """Image `index`: uint8 (height, width, 1 or 3)."""
        pixels = eight_bits(self.image(index), self.value_range)
        return over_background(pixels, self.background) if pixels.shape[2] in (2, 4) else pixels


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is known of the images beforehand."""

    name: str
    labels: Any = None
    class_names: tuple[str, ...] | None = None
    value_range: ValueRange | None = None
    background: Color = (255, 255, 255)


def item_set(count: int, item: Callable[[int], Item], wanted: Wanted) -> ItemSet:
    """An image set of an object with random access.

    All items are asked for once here, for their labels, their range and their fingerprint, and each once more when it
    is read; by one thread at a time.

    Raises:
        DataError: no item, items that are no images, some with labels and some without.
    """
    survey = _Survey(wanted)
    for index in range(count):
        survey.add(*item(index))
    lock = threading.Lock()

    def image(index: int) -> npt.NDArray[Any]:
        with lock:
            return item(index)[0]

    return survey.finish(image)


def spooled_set(items: Iterable[Item], wanted: Wanted) -> ItemSet:
    """An image set of an object that can only be gone through: its images go to a temporary file, removed with the set.

    Raises:
        DataError: see `item_set`.
    """
    survey = _Survey(wanted)
    places: list[tuple[int, tuple[int, ...], np.dtype[Any]]] = []
    with tempfile.TemporaryFile(prefix="ganforge-") as file:
        end = 0
        for pixels, label in items:
            survey.add(pixels, label)
            places.append((end, pixels.shape, pixels.dtype))
            end += file.write(np.ascontiguousarray(pixels).data)
        file.flush()
        mapped = mmap(file.fileno(), 0, access=ACCESS_READ) if end else None

    def image(index: int) -> npt.NDArray[Any]:
        offset, shape, dtype = places[index]
        assert mapped is not None
        return np.ndarray(shape, dtype, buffer=mapped, offset=offset)

    return survey.finish(image)


class _Survey:
    """What has to be known of all items."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._digest = hashlib.sha256()
        self._labels: list[Any] = []
        self._count = 0
        self._low, self._high = np.inf, -np.inf
        self._dtype: np.dtype[Any] | None = None

    def add(self, pixels: npt.NDArray[Any], label: Any) -> None:
        where = f"{self._wanted.name}[{self._count}]"
        if pixels.dtype.kind not in "biuf":
            raise DataError(f"{where}: an image of type {pixels.dtype}, where numbers are needed")
        if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4) or not pixels.size:
            raise DataError(
                f"{where}: shape {pixels.shape}, where (height, width) or (height, width, 1 to 4) is needed"
            )
        if self._dtype not in (None, pixels.dtype):
            raise DataError(f"{where}: {pixels.dtype} pixels, but those before are {self._dtype}; give all one type")
        low, high = float(pixels.min()), float(pixels.max())
        if not np.isfinite([low, high]).all():
            raise DataError(f"{where}: pixels that are not finite (NaN or infinite)")
        self._dtype = pixels.dtype
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._digest.update(repr(pixels.shape).encode())
        self._digest.update(np.ascontiguousarray(pixels).data)
        self._count += 1
        if label is not None and self._wanted.labels is None:
            self._labels.append(label)

    def finish(self, image: Callable[[int], npt.NDArray[Any]]) -> ItemSet:
        wanted = self._wanted
        if self._dtype is None:
            raise DataError(f"{wanted.name}: there are no images")
        given = wanted.labels if wanted.labels is not None else self._labels or None
        labels, names = None, tuple[str, ...]()
        if given is not None:
            labels, names = class_labels(given, self._count, f"{wanted.name}: labels", wanted.class_names)
            self._digest.update(labels.data)
        value_range = (
            evident_range(self._dtype, self._low, self._high, wanted.name)
            if wanted.value_range is None
            else check_range(wanted.value_range, self._low, self._high, wanted.name)
        )
        about = (self._dtype.str, value_range, wanted.background, names)
        self._digest.update(repr(about).encode("utf-8", "surrogateescape"))
        return ItemSet(
            count=self._count,
            image=image,
            value_range=value_range,
            labels=labels,
            class_names=names,
            fingerprint=f"items {self._digest.hexdigest()}",
            background=wanted.background,
            name=wanted.name,
        )
