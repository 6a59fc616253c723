"""Images as single files of their own size, for other programs."""

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganforge._io.files import PARTIAL
from ganforge.errors import RunError
from ganforge.spec.arrays import Images


def write_images(
    images: Images,
    chosen: npt.NDArray[np.int64],
    folder: Path,
    *,
    labels: npt.NDArray[np.int64] | None = None,
    class_names: Sequence[str] = (),
) -> None:
    """Write images as PNG files, named by their number, into a folder that is whole or not there.

    Args:
        images: uint8 (N, height, width, 1 or 3).
        chosen: the numbers of those that are written.
        folder: must not exist.
        labels: a class for each of those; they then lie in subfolders of its name.
        class_names: names of the classes.

    Raises:
        RunError: the folder already exists, or cannot be written.
    """
    if folder.exists():
        raise RunError(f"{folder} already exists; choose another --out")
    made = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}{PARTIAL}")
    digits = len(str(len(images) - 1))
    places = [made / _folder_name(name) for name in class_names] if labels is not None else [made]
    try:
        try:
            for place in places:
                place.mkdir(parents=True, exist_ok=True)
            for position, number in enumerate(chosen.tolist()):
                pixels = images[number]
                image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
                place = places[0 if labels is None else int(labels[position])]
                image.save(place / f"{number:0{digits}d}.png", compress_level=1)
            made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise RunError(f"{folder}: images cannot be written: {error.strerror or error}") from error


def _folder_name(name: str) -> str:
    """A class's name as that of a folder on any system: `T-shirt/top` has a slash."""
    return quote(name, safe=" !#$&'()+,;=@[]{}~") if name.strip(". ") else f"class {name}"
