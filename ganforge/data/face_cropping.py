"""Cut the faces out of images: what a cascade detector finds, squared, padded and brought to one size.

OpenCV is imported by `cascade` alone; everything else takes any detector.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganforge._io.files import write_whole
from ganforge._io.paths import expanded
from ganforge.data.contract import Pixels
from ganforge.data.readers.file_set import FileSet
from ganforge.data.readers.opening import open_images
from ganforge.data.reading_settings import OpenOptions
from ganforge.data.resizing import fit_image
from ganforge.data.resizing_settings import Resizing
from ganforge.errors import DataError, PluginError

Box = tuple[int, int, int, int]
"""Left, top, width and height of what was found, in pixels."""

Detector = Callable[[npt.NDArray[np.uint8]], list[Box]]
"""The boxes in a grey image (height, width)."""


@dataclass(frozen=True, kw_only=True)
class Cropped:
    """What became of one image."""

    where: str
    faces: tuple[Path, ...]
    """The files that were written."""
    reason: str = ""
    """Why none was."""


def cascade(file: Path | None, *, min_size: int, neighbors: int, scale: float) -> Detector:
    """OpenCV's cascade detector.

    Args:
        file: the trained cascade, .xml; None: OpenCV's own for frontal faces in photographs.
        min_size: smallest face, in pixels.
        neighbors: how many overlapping hits make a face; more of them, fewer errors and fewer faces.
        scale: step from one size to the next that is searched, above 1.

    Raises:
        PluginError: OpenCV is not installed. DataError: there is no such file, or it is no cascade.
    """
    try:
        import cv2
        from cv2 import CascadeClassifier  # which OpenCV 5 has no more
        from cv2.data import haarcascades
    except ImportError as error:
        raise PluginError("to find faces OpenCV is needed, version 4: pip install 'ganforge[crop]'") from error
    path = Path(haarcascades) / "haarcascade_frontalface_default.xml" if file is None else expanded(file)
    if not path.is_file():
        raise DataError(f"{path}: there is no such cascade file")
    classifier = CascadeClassifier()
    try:
        loaded = classifier.load(str(path))
    except cv2.error:  # its message speaks of OpenCV's own source files
        loaded = False
    if not loaded:
        raise DataError(f"{path}: not a cascade that OpenCV reads")

    def detect(grey: npt.NDArray[np.uint8]) -> list[Box]:
        found = classifier.detectMultiScale(
            cv2.equalizeHist(grey), scaleFactor=scale, minNeighbors=neighbors, minSize=(min_size, min_size)
        )
        return [(int(left), int(top), int(width), int(height)) for left, top, width, height in found]

    return detect


def crop_faces(source: Path, target: Path, detect: Detector, *, size: int, padding: float) -> Iterator[Cropped]:
    """Crop the faces out of all images in `source`, write them below `target`, and report on each image.

    A face of `source/a/b.jpg` becomes `target/a/b.jpg-1.png`, the highest first. Each file is written whole or not at
    all; nothing outside `target` is touched.

    Args:
        source: a folder or an archive of images.
        target: a folder that is empty or not there, outside of `source`.
        detect: finds the faces.
        size: height and width of the cut-outs.
        padding: what is added on each side, as a share of the face's side; less where the image ends.

    Raises:
        DataError: `source` holds no image files, or `target` cannot be taken.
        RunError: a file cannot be written.
    """
    source = expanded(source)
    target = expanded(target)
    if target.resolve().is_relative_to(source.resolve()):
        raise DataError(
            f"{target}: lies in {source}, so that faces would be looked for in faces. Name a folder outside"
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target}: is no empty folder. Name a new one")
    images = open_images(source, OpenOptions(labels="none"), "images to crop faces out of")
    if not isinstance(images, FileSet):
        raise DataError(f"{source}: holds arrays. Faces are cropped out of image files, in a folder or an archive")
    return (_crop(images, index, target, detect, size, padding) for index in range(len(images)))


def _crop(images: FileSet, index: int, target: Path, detect: Detector, size: int, padding: float) -> Cropped:
    where = images.where(index)
    try:
        pixels = images.read(index)
    except DataError as error:
        return Cropped(where=where, faces=(), reason=str(error).removeprefix(f"{where}: "))
    boxes = sorted(detect(_grey(pixels)), key=lambda box: (box[1], box[0]))
    files = []
    for number, box in enumerate(boxes, start=1):
        file = target / f"{images.files[index].name}-{number}.png"
        write_whole(file, _png(_cut(pixels, box, padding), size))
        files.append(file)
    return Cropped(where=where, faces=tuple(files), reason="" if files else "no face was found")


def _grey(pixels: Pixels) -> npt.NDArray[np.uint8]:
    return pixels[..., 0] if pixels.shape[2] == 1 else np.asarray(Image.fromarray(pixels).convert("L"))


def _cut(pixels: Pixels, box: Box, padding: float) -> Pixels:
    """The square around a box, moved and if need be shrunk so that it lies in the image."""
    left, top, width, height = box
    side = min(round(max(width, height) * (1 + 2 * padding)), *pixels.shape[:2])
    top = _within(top + height / 2 - side / 2, pixels.shape[0] - side)
    left = _within(left + width / 2 - side / 2, pixels.shape[1] - side)
    return pixels[top : top + side, left : left + side]


def _within(start: float, highest: int) -> int:
    return min(max(round(start), 0), highest)


def _png(pixels: Pixels, size: int) -> bytes:
    fitted = fit_image(pixels, (size, size, pixels.shape[2]), Resizing(fit="stretch"))
    buffer = BytesIO()
    Image.fromarray(fitted[..., 0] if fitted.shape[2] == 1 else fitted).save(buffer, format="PNG")
    return buffer.getvalue()
