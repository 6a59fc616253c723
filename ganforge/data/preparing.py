"""From an image set to batches: decode every image once, in parallel, into a memory-mapped cache of uint8.

A batch is then a slice, `prepared.images[indices]`, whatever the images came from. Memory stays constant from a
thousand images to ten million: rows go to disk as they are decoded, and come back as pages of a map.
"""

import hashlib
import math
import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from ganforge.data.cache import Entry, Meta, RowFile, Skipped, default_cache, making, open_entry, publish, scratch
from ganforge.data.checks import check_label
from ganforge.data.contract import ImageSet, ImageShape, Pixels
from ganforge.data.pixel_values import color_of
from ganforge.data.resizing import fit_image
from ganforge.data.resizing_settings import PLAIN, Resizing
from ganforge.data.survey import looks_of
from ganforge.errors import DataError, PluginError, printable
from ganforge.spec.checks import blamed

__all__ = ["Prepared", "Skipped", "image_channels", "prepare"]

_FORMAT = 1  # raise it whenever the same source would be prepared differently
_CHUNK_BYTES = 4 << 20  # small enough that memory stays small at 1024x1024,
_CHUNK_IMAGES = 64  # large enough that handing out work costs little at 28x28
_TRIED = 1000  # images that are tried before a set counts as unreadable
_SHOWN = 3  # bad images that an error names


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An image set ready for training."""

    images: npt.NDArray[np.uint8]
    """(N, height, width, channels), a read-only memory map."""
    labels: npt.NDArray[np.int64] | None
    """(N,), or None for a set without labels."""
    class_names: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    """Images that could not be read and are not among `images`."""
    from_cache: bool
    """Whether it was there already."""


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    """Some neighbouring images, decoded: those that could be read, their labels, and the others."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    skipped: list[Skipped]


def prepare(
    image_set: ImageSet,
    *,
    name: str,
    shape: ImageShape,
    resizing: Resizing = PLAIN,
    max_bad: int = 10,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Prepared:
    """All images of `image_set` as uint8 of one `shape` (height, width, channels), from the cache if they are there.

    `image_set.read` is called from several threads. The cache is keyed by the set's fingerprint, the shape and the
    resizing; an entry that is damaged is made again.

    Args:
        image_set: the images.
        name: the data set's name; begins the name of the folder in the cache.
        shape: height, width and channels (1 or 3) of every image.
        resizing: how every image is brought to that shape.
        max_bad: how many images that cannot be read, or are smaller than the crop, are skipped and listed before
            it is an error.
        cache: folder of the cache; by default that of the variable GANFORGE_CACHE, or else the user's cache folder.
        progress: called with the number of images done and of all, after every few.
        waiting: called if another process is preparing the same images, which are then waited for.

    Raises:
        DataError: no image, none that can be read, more than `max_bad` that cannot, or no room for the cache.
        PluginError: the set hands over what its contract excludes.
    """
    if min(shape) < 1 or shape[2] not in (1, 3):
        raise DataError(f"{name}: images of shape {shape} cannot be made: (height, width, 1 or 3) is needed")
    if resizing.crop is not None and min(resizing.crop) < 1:
        raise DataError(f"{name}: a centre of {resizing.crop} cannot be cut out: (height, width) is needed")
    color_of(resizing.padding, "data.padding")
    if not len(image_set):
        raise DataError(f"{name}: the set holds no images")
    root = default_cache() if cache is None else cache
    place = root / f"{name}-{_key(image_set.fingerprint, shape, resizing)}"
    found = open_entry(place)
    if found is None:
        wanted = Meta(name=name, shape=shape, resizing=resizing, class_names=tuple(image_set.class_names))
        with making(place, waiting) as found:  # now by another process
            entry = found or _make(image_set, place, wanted, max_bad, progress)
    else:
        entry = found
    if found is not None:
        _refuse_many_bad(name, entry.meta.skipped, len(image_set), max_bad)
    return Prepared(
        images=entry.images,
        labels=entry.labels,
        class_names=entry.meta.class_names,
        skipped=entry.meta.skipped,
        from_cache=found is not None,
    )


def image_channels(image_set: ImageSet) -> int:
    """Channels of the images, 3 if one of them has color, else 1: what a recipe that leaves them open gets.

    Of a set that does not describe its images the first thousand are read.

    Raises:
        DataError: no image can be read; the first reasons are listed.
    """
    looks = looks_of(image_set)
    if looks is not None and looks.channels is not None:
        return looks.channels
    channels, skipped = 0, list[Skipped]()
    for index in range(min(len(image_set), _TRIED)):
        try:
            channels = int(_read(image_set, index).shape[2])
        except (DataError, OSError) as error:
            skipped.append(_skipped(image_set, index, error))
        if channels == 3:
            break
    if channels:
        return channels
    first = f"first {_TRIED:,} of the " if len(image_set) > _TRIED else ""
    raise DataError(f"none of the {first}set's {len(image_set):,} images can be read:{_listed(skipped)}")


def _key(fingerprint: str, shape: ImageShape, resizing: Resizing) -> str:
    plain = Resizing(fit=resizing.fit, crop=resizing.crop)
    further = () if resizing == plain else (resizing,)  # so that entries from before there were others are still found
    parts = (_FORMAT, fingerprint, shape, resizing.fit, resizing.crop, *further)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def _make(
    image_set: ImageSet, place: Path, wanted: Meta, max_bad: int, progress: Callable[[int, int], None] | None
) -> Entry:
    total = len(image_set)
    skipped: list[Skipped] = []
    taken = count = 0
    with scratch(place) as made:
        with (
            closing(RowFile(made / "images.npy", np.uint8, wanted.shape)) as images,
            closing(RowFile(made / "labels.npy", np.int64, ())) as labels,
            closing(_decode_all(partial(_decode, image_set, wanted), total, wanted.shape)) as chunks,
        ):
            for chunk in chunks:
                images.append(chunk.images)
                labels.append(chunk.labels)
                skipped += chunk.skipped
                _refuse_many_bad(wanted.name, skipped, total, max_bad)
                count += len(chunk.images)
                taken += len(chunk.images) + len(chunk.skipped)
                if progress is not None:
                    progress(taken, total)
            if not count:
                raise DataError(f"{wanted.name}: none of {total:,} images can be used:{_listed(skipped)}")
            images.finish()
            labels.finish()
        return publish(made, place, msgspec.structs.replace(wanted, count=count, skipped=tuple(skipped)))


def _decode_all(decode: Callable[[range], _Chunk], total: int, shape: ImageShape) -> Generator[_Chunk, None, None]:
    """All images in order, decoded side by side, never more than a few chunks ahead of the one that is taken."""
    size = max(1, min(_CHUNK_IMAGES, _CHUNK_BYTES // math.prod(shape)))
    workers = os.cpu_count() or 1
    ahead: deque[Future[_Chunk]] = deque()
    pool = ThreadPoolExecutor(workers)  # threads do: Pillow decodes and resizes outside the interpreter's lock
    try:
        for start in range(0, total, size):
            ahead.append(pool.submit(decode, range(start, min(start + size, total))))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:  # an error or Ctrl-C waits for what is being decoded, not for what is queued
        pool.shutdown(cancel_futures=True)


def _decode(image_set: ImageSet, wanted: Meta, indices: range) -> _Chunk:
    images = np.empty((len(indices), *wanted.shape), np.uint8)
    labels = np.zeros(len(indices), np.int64)
    skipped = []
    good = 0
    for index in indices:
        try:
            images[good] = fit_image(_read(image_set, index), wanted.shape, wanted.resizing)
        except (DataError, OSError) as error:
            skipped.append(_skipped(image_set, index, error))
            continue
        if wanted.class_names:
            labels[good] = _label(image_set, index, len(wanted.class_names))
        good += 1
    return _Chunk(images=images[:good], labels=labels[:good], skipped=skipped)


def _where(image_set: ImageSet, index: int) -> str:
    with blamed(f"image {index}: the data set's plugin"):
        return printable(image_set.where(index))


def _skipped(image_set: ImageSet, index: int, error: Exception) -> Skipped:
    where = _where(image_set, index)
    return Skipped(where=where, reason=str(error).removeprefix(f"{where}: "))


def _read(image_set: ImageSet, index: int) -> Pixels:
    """Image `index`, held to the contract: a breach is the plugin's fault, and is not skipped."""
    who = f"{_where(image_set, index)}: the data set's plugin"
    with blamed(who):
        pixels = image_set.read(index)
    if not isinstance(pixels, np.ndarray):
        raise PluginError(
            f"{who} gave {pixels!r:.60} where the contract asks for an array. Please tell the plugin's author"
        )
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or not pixels.size:
        raise PluginError(
            f"{who} gave {pixels.dtype} {pixels.shape} "
            "where the contract asks for uint8 (height, width, 1 or 3). Please tell the plugin's author"
        )
    return pixels


def _label(image_set: ImageSet, index: int, classes: int) -> int:
    who = f"{_where(image_set, index)}: the data set's plugin"
    with blamed(who):
        label = image_set.label(index)
    return check_label(label, classes, who)


def _refuse_many_bad(name: str, skipped: Sequence[Skipped], total: int, max_bad: int) -> None:
    if len(skipped) > max_bad:
        raise DataError(
            f"{name}: more than {max_bad} of {total:,} images cannot be used:{_listed(skipped)}\n"
            "Repair or remove them, or let more of them be skipped (--set data.max_bad=N)"
        )


def _listed(skipped: Sequence[Skipped]) -> str:
    lines = [f"\n  {bad.where}: {bad.reason}" for bad in skipped[:_SHOWN]]
    more = len(skipped) - _SHOWN
    return "".join(lines) + (f"\n  and {more} more" if more > 0 else "")
