"""Arrays in files as image sets: .npy, .npz, IDX, and CSV tables of pixels. Large ones are mapped, not read."""

import math
import re
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ganforge.data.array_set import array_set
from ganforge.data.class_labels import class_labels
from ganforge.data.contract import ImageSet
from ganforge.data.pixel_values import color_of
from ganforge.data.readers.idx import read_idx
from ganforge.data.reading_settings import Reading
from ganforge.errors import DataError

_IMAGES, _LABELS = ("images", "x", "data", "imgs"), ("labels", "label", "y", "targets")
_SPLITS = ("train", "val", "valid", "validation", "test")
_RATIO, _SMALL = 1100, 1 << 30  # deflate cannot shrink further; up to so many bytes an array of zeros may have done so
_CSV_LIMIT = 4 << 30

_KNOWN = {
    "fashion": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
}
"""Names of classes, by a word in the path of a set whose files do not hold them."""


def npy_set(path: Path, reading: Reading) -> ImageSet:
    """The images of a .npy file, mapped; labels from `NAME_labels.npy` or `labels.npy` beside it, if it is there.

    Raises:
        DataError: no such file, of objects, cut short, or no images.
    """
    beside = [path.with_name(f"{path.stem}_labels.npy"), path.with_name("labels.npy")]
    labels = next((file for file in beside if file.is_file() and file != path), None)
    return _made(_map_npy(path), None if labels is None else _map_npy(labels), path, reading)


def npz_set(path: Path, split: str | None, reading: Reading) -> ImageSet:
    """The images of an .npz file, under the names that Keras, MedMNIST and `ganforge sample` give them.

    Raises:
        DataError: no such file, of objects, damaged, or no images in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
            images, labels = _choose(list(members), split, path)
            return _made(
                _unpack(archive, members[images], path),
                None if labels is None else _unpack(archive, members[labels], path),
                path,
                reading,
            )
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: cannot be read as an .npz file: {error}") from error


def idx_set(path: Path, transpose: bool | None, reading: Reading) -> ImageSet:
    """The images of an IDX file of any name; labels from the file beside it whose name has 'labels' for 'images'.

    transpose: whether rows and columns are exchanged, as in EMNIST; None: if 'emnist' is in its name.

    Raises:
        DataError: no such file, damaged, or labels of another number.
    """
    images = read_idx(path, axes=3)
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    choices = [beside, beside.with_name(f"{beside.name}.gz"), beside.with_name(beside.name.removesuffix(".gz"))]
    found = next((file for file in choices if file.is_file() and file != path), None)
    turned = "emnist" in path.name.lower() if transpose is None else transpose
    notes = [f"labels from {found.name}" if found else f"no labels: there is no {beside.name} beside {path.name}"]
    if turned:
        notes.append("rows and columns are exchanged, as EMNIST has them; --set data.transpose=false leaves them")
        images = images.transpose(0, 2, 1)
    return _made(images, None if found is None else read_idx(found, axes=1), path, reading, notes)


def csv_set(path: Path, reading: Reading) -> ImageSet:
    """The images of a CSV table with a row for each: its label, if there is one, and the pixels of a square, 0 to 255.

    Raises:
        DataError: no such table.
    """
    with path.open("rb") as file:
        head = file.readline(1 << 20).decode("utf-8", "replace").strip()
    names = [name.strip().strip('"') for name in head.split(",")]
    named = not all(re.fullmatch(r"\d+", name) for name in names)
    if path.stat().st_size > _CSV_LIMIT:
        raise DataError(f"{path}: a table of more than {_CSV_LIMIT:,} bytes is not read; save it as .npy")
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=int(named), dtype=np.int64, ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: no table of pixels: {error}. If it names image files and their labels, give the folder of "
            f"the images to --data, and --set data.labels={path.name}"
        ) from error
    pixels = table.shape[1] if math.isqrt(table.shape[1]) ** 2 == table.shape[1] else table.shape[1] - 1
    side = math.isqrt(pixels)
    if side * side != pixels or side < 2:
        raise DataError(f"{path}: rows of {table.shape[1]} numbers are neither a square nor a label and a square")
    first = table.shape[1] - pixels
    images = table[:, first:]
    if images.min(initial=0) < 0 or images.max(initial=0) > 255:
        raise DataError(f"{path}: pixels from {images.min()} to {images.max()}, where 0 to 255 are needed")
    square = images.astype(np.uint8).reshape(-1, side, side)
    return _made(square, table[:, 0] if first else None, path, reading)


def _made(
    images: npt.NDArray[Any],
    labels: npt.NDArray[Any] | None,
    path: Path,
    reading: Reading,
    notes: Sequence[str] = (),
) -> ImageSet:
    numbers, names = None, tuple[str, ...]()
    if labels is not None:
        known = next((names for word, names in _KNOWN.items() if word in str(path).lower()), None)
        numbers, names = class_labels(labels, len(images) if images.ndim else 0, f"{path.name}: labels", known)
    return array_set(
        images,
        name=path.name,
        labels=numbers,
        class_names=names,
        value_range=reading.value_range,
        background=color_of(reading.background, "data.background"),
        notes=tuple(notes)
        or (("labels from the same file",) if labels is not None else ("no labels: none in the file",)),
    )


def _choose(names: Sequence[str], split: str | None, path: Path) -> tuple[str, str | None]:
    """Which array holds the images, and which their labels."""
    pairs: Mapping[str, tuple[str, ...]] = {
        each: tuple(form.format(each) for form in ("{}_images", "x_{}", "X_{}", "{}_x", "{}")) for each in _SPLITS
    }
    label_forms = ("{}_labels", "y_{}", "{}_y")
    wanted = [split] if split is not None else [*_SPLITS[:1], None, *_SPLITS[1:]]
    for part in wanted:
        if part is None:
            images = next((name for name in _IMAGES if name in names), None)
            labels = next((name for name in _LABELS if name in names), None)
        else:
            images = next((name for name in pairs.get(part, (part,)) if name in names), None)
            labels = next((form.format(part) for form in label_forms if form.format(part) in names), None)
        if images is not None:
            return images, labels
    if split is None and len(names) == 1:
        return names[0], None
    asked = f" of the split {split!r}" if split is not None else ""
    raise DataError(
        f"{path}: no images{asked} among its arrays {', '.join(sorted(names)) or '(none)'}; they are found as "
        "images and labels, x_train and y_train, train_images and train_labels, or as the only array"
    )


def _map_npy(path: Path) -> npt.NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as an array: {_without_advice(error)}") from error


def _unpack(archive: zipfile.ZipFile, member: str, path: Path) -> npt.NDArray[Any]:
    """An array of an .npz file, by way of a temporary file, so that it takes no memory."""
    info = archive.getinfo(member)
    if info.flag_bits & 1:
        raise DataError(f"{path}: {member} is encrypted")
    with archive.open(info) as packed:
        shape, order, dtype = _header(packed, f"{path}: {member}")
        size = math.prod(shape) * dtype.itemsize
        if size > max(_SMALL, _RATIO * info.compress_size):
            raise DataError(
                f"{path}: {member} promises {size:,} bytes, of {info.compress_size:,} packed ones; not read"
            )
        with tempfile.TemporaryFile(prefix="ganforge-") as file:
            left = size
            while left:
                piece = packed.read(min(left, 1 << 20))
                if not piece:
                    raise DataError(f"{path}: {member} is cut short: {left:,} of {size:,} bytes are missing")
                file.write(piece)
                left -= len(piece)
            file.flush()
            if not size:
                return np.empty(shape, dtype)
            return np.memmap(file, dtype, "r", shape=shape, order=order)


def _header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], Any, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except (ValueError, EOFError) as error:
        raise DataError(f"{where}: no array: {error}") from error
    if dtype.hasobject:
        raise DataError(
            f"{where}: an array of Python objects, where one of numbers is needed; such files may hold code"
        )
    return shape, "F" if fortran else "C", dtype


def _without_advice(error: Exception) -> str:
    text = str(error)
    if "allow_pickle" in text or "pickled" in text:
        return "an array of Python objects, where one of numbers is needed; such files may hold code"
    return text
