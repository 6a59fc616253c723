"""Generated images that no run of ours made: a folder or archive of image files, or arrays in an .npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganforge._io.paths import expanded
from ganforge.data.contract import Pixels
from ganforge.data.readers.opening import open_images
from ganforge.errors import DataError, EvaluationError
from ganforge.spec.arrays import Images, Labels


@dataclass(frozen=True, kw_only=True)
class Found:
    """Images, and their classes where there are any."""

    images: Images
    labels: Labels | None = None
    class_names: tuple[str, ...] | None = None
    """Of the labels; None: those of the real images."""

    def labels_among(self, names: tuple[str, ...]) -> Labels | None:
        """The labels as positions among `names`; None: there are none, or of other classes."""
        if self.labels is None:
            return None
        if self.class_names is None:
            return self.labels if self.labels.max() < len(names) else None
        if not set(self.class_names) <= set(names):
            return None
        return np.array([names.index(name) for name in self.class_names], dtype=np.int64)[self.labels]


def read_images(path: Path, most: int) -> Found:
    """At most `most` images of the array `images` of an .npz, or of whatever else `--data` takes, in its order.

    Classes are the array `labels`, or those that `--data` would find. From classes images are taken evenly.

    Raises:
        EvaluationError: images of different sizes. DataError: none, or one that cannot be read.
    """
    path = expanded(path)
    return _arrays(path, most) if path.suffix == ".npz" else _files(path, most)


def _files(place: Path, most: int) -> Found:
    if not place.exists():
        raise DataError(f"{place}: there is no such folder, of a run or of images")
    found = open_images(place)
    chosen = list(range(min(most, len(found))))
    if found.class_names:  # in order they would be of the first classes alone
        chosen = np.linspace(0, len(found) - 1, len(chosen)).round().astype(np.int64).tolist()
    images: list[Pixels] = []
    for index in chosen:
        pixels = found.read(index)
        if images and pixels.shape[:2] != images[0].shape[:2]:
            raise EvaluationError(
                f"{place}: images of different sizes, {_size(images[0])} ({found.where(chosen[0])}) and "
                f"{_size(pixels)} ({found.where(index)}); bring them to one size first, all in the same way"
            )
        images.append(pixels)
    channels = max(image.shape[2] for image in images)  # one grey file among colour ones
    return Found(
        images=np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in images]),
        labels=np.array([found.label(index) for index in chosen]) if found.class_names else None,
        class_names=found.class_names,
    )


def _arrays(path: Path, most: int) -> Found:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images = arrays["images"]
            labels = arrays["labels"] if "labels" in arrays else None
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as arrays `images` and `labels`: {error}") from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or not len(images):
        raise DataError(f"{path}: `images` is {images.dtype} {images.shape}, not uint8 (N, height, width, 1 or 3)")
    if labels is None or labels.shape != (len(images),) or labels.dtype.kind not in "iu" or labels.min() < 0:
        return Found(images=images[:most])
    return Found(images=images[:most], labels=labels[:most].astype(np.int64))


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[0]}x{pixels.shape[1]}"
