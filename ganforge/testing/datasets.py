"""Check a data set, ours or anybody's: images, labels and a fingerprint as the contract says, from many threads."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ganforge._io.convert import convert
from ganforge._io.origins import described
from ganforge.data.contract import DatasetEntry, ImageSet, Pixels
from ganforge.errors import DataError, GanforgeError
from ganforge.plugins.host import default_host
from ganforge.testing.backends import NAME
from ganforge.testing.comparing import guarded
from ganforge.testing.findings import ConformanceError, Finding

_LABELS, _IMAGES = 2000, 64
"""How many are looked at, spread over the set."""
_FRAMEWORKS = {"torch", "tensorflow", "keras", "jax"}


def check_dataset(
    data_set: str | DatasetEntry,
    path: Path | str | None = None,
    options: Mapping[str, Any] | msgspec.Struct | None = None,
) -> None:
    """Check a data set by its name or its entry, opened at `path` with `options`.

    Raises:
        ConformanceError: what is wrong, and where.
        PluginError: no data set of that name. RecipeError: an option that it does not have.
        DataError: it is not there.
    """
    entry = (
        default_host().find("ganforge_datasets", DatasetEntry, data_set, "data set")
        if isinstance(data_set, str)
        else data_set
    )
    given = options if isinstance(options, msgspec.Struct) else convert(dict(options or {}), entry.options, entry.name)
    place = None if path is None else Path(path)
    findings = [*_entry(entry), *_light(entry)]
    try:
        opened, again = entry.open(place, given), entry.open(place, given)
    except (GanforgeError, OSError):
        raise
    except Exception as error:  # whatever a stranger's function raises is the finding
        findings.append(Finding(what=f"opening it raised {described(error)}"))
    else:
        for stage, where in ((_set, "its members"), (_labels, "label()"), (_images, "its images")):
            findings += guarded(partial(stage, opened, again), where, advice="")
    if findings:
        raise ConformanceError(f"data set {entry.name!r}", findings)


def _entry(entry: DatasetEntry) -> Iterator[Finding]:
    if not NAME.fullmatch(entry.name):
        yield Finding(what="its name is not lower case, digits and hyphens", where=repr(entry.name))
    for field in ("summary", "license", "source"):
        text = getattr(entry, field)
        if not text.strip() or "\n" in text:
            yield Finding(what=f"its {field} is not one line", where=repr(text))
    try:
        entry.options()
    except TypeError:
        yield Finding(
            what="its options have no default, so that no recipe can leave them out", where=str(entry.options)
        )


def _importable(module: str) -> bool:
    """Whether the module's name leads to its file; not where a file was run or loaded by its path."""
    top, file = PathFinder.find_spec(module.partition(".")[0]), getattr(sys.modules.get(module), "__file__", None)
    if top is None or file is None:
        return top is not None and module not in sys.modules
    places = [top.origin, *(top.submodule_search_locations or ())]
    return any(Path(file).is_relative_to(place) for place in places if place)


def _light(entry: DatasetEntry) -> Iterator[Finding]:
    """A plugin is imported by every command, so it must not import a framework."""
    module = entry.open.__module__
    if not _importable(module):
        return
    code = f"import sys; sys.path[:] = {sys.path!r}; import {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        yield Finding(what="its module cannot be imported on its own", where=done.stderr.strip().splitlines()[-1])
    heavy = sorted(_FRAMEWORKS & set(done.stdout.split()))
    if heavy:
        yield Finding(what=f"importing its module imports {' and '.join(heavy)}", where=module)


def _set(image_set: ImageSet, again: ImageSet) -> Iterator[Finding]:
    if not len(image_set):
        yield Finding(what="it holds no images")
    names = image_set.class_names
    if not isinstance(names, tuple) or not all(isinstance(name, str) and name for name in names):
        yield Finding(what="class_names is not a tuple of names", where=repr(names))
    elif len(set(names)) != len(names):
        yield Finding(what="two classes have the same name", where=repr(names))
    if not isinstance(image_set.fingerprint, str) or not image_set.fingerprint:
        yield Finding(what="its fingerprint is not a text", where=repr(image_set.fingerprint))
    elif image_set.fingerprint != again.fingerprint:
        yield Finding(what="opened twice it has two fingerprints: its cache would never be found")
    if len(image_set) != len(again):
        yield Finding(what=f"opened twice it has {len(image_set)} and {len(again)} images")


def _labels(image_set: ImageSet, _: ImageSet) -> Iterator[Finding]:
    classes = len(image_set.class_names)
    if not classes:
        return
    for index in _spread(len(image_set), _LABELS):
        label = image_set.label(index)
        if isinstance(label, bool) or not isinstance(label, int | np.integer):
            yield Finding(what=f"a label is a {type(label).__name__}, not an integer", where=f"image {index}")
            return
        if not 0 <= label < classes:
            yield Finding(what=f"a label is {label}, but there are {classes} classes", where=f"image {index}")
            return


def _images(image_set: ImageSet, again: ImageSet) -> Iterator[Finding]:
    chosen = _spread(len(image_set), _IMAGES)
    for index in chosen:
        place = image_set.where(index)
        if not isinstance(place, str) or not place:
            yield Finding(what="where() gives no text, so that a bad image cannot be named", where=f"image {index}")
            return
    images = []
    for index in chosen:
        try:
            images.append(_read(image_set, index))
        except Exception as error:  # as above
            yield Finding(what=f"reading an image raised {described(error)}", where=image_set.where(index))
            return
    if images and all(image is None for image in images):
        yield Finding(what="none of its images can be read", where=image_set.where(0))
    for index, image in zip(chosen, images, strict=True):
        if image is not None and (fault := _fault(image)):
            yield Finding(what=f"an image is {fault}, not uint8 (height, width, 1 or 3)", where=image_set.where(index))
            return
    with ThreadPoolExecutor(4) as pool:
        readings = {
            "read again": [_read(image_set, index) for index in chosen],
            "read from several threads": list(pool.map(lambda index: _read(image_set, index), chosen)),
            "read from the set opened again": [_read(again, index) for index in reversed(chosen)][::-1],
        }
    for how, reading in readings.items():
        for index, first, second in zip(chosen, images, reading, strict=True):
            if not _equal(first, second):
                yield Finding(what=f"{how}, an image is another one", where=image_set.where(index))
                break


def _read(image_set: ImageSet, index: int) -> Pixels | None:
    """A copy of the image; None: it cannot be decoded, which a set may say."""
    try:
        return np.array(image_set.read(index))
    except DataError:
        return None


def _fault(image: Pixels) -> str:
    good = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] in (1, 3) and image.size
    return "" if good else f"{image.dtype} {image.shape}"


def _equal(first: Pixels | None, second: Pixels | None) -> bool:
    if first is None or second is None:
        return first is second
    return bool(np.array_equal(first, second))


def _spread(count: int, most: int) -> list[int]:
    return [int(index) for index in np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))]
