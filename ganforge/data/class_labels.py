"""Labels as people have them, numbers or names, as class numbers from 0 with a name each."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ganforge.errors import DataError

_SHOWN = 5


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts the numbers in texts as numbers: '2' before '11', 'class 9' before 'class 10'."""
    return tuple(
        (0, int(part), part) if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text) if part
    )


def class_labels(
    labels: Any, count: int, where: str, class_names: Sequence[str] | None = None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Class numbers (count,) and the names of the classes.

    Args:
        labels: `count` whole numbers or texts, also as (count, 1). Their sorted values become the classes.
        count: number of images.
        where: what the labels are called in messages.
        class_names: names of the classes 0, 1, ...; labels are then whole numbers below their number, or these names.

    Raises:
        DataError: another number of labels, no numbers or texts, or none of the classes.
    """
    values = _flat(labels, where)
    if len(values) != count:
        raise DataError(f"{where}: {len(values):,} labels for {count:,} images; one for each is needed")
    if values.dtype.kind in "OSU":
        return _named([_text(value, where) for value in values.tolist()], where, class_names)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or (values != np.floor(values)).any():
            wrong = int(np.argmax(~np.isfinite(values) | (values != np.floor(values))))
            raise DataError(f"{where}: label {wrong} is {values[wrong]}; labels are whole numbers or names of classes")
    elif values.dtype.kind not in "iub":
        raise DataError(f"{where}: labels of type {values.dtype}; labels are whole numbers or names of classes")
    numbers = values.astype(np.int64)
    if class_names is not None:
        _check_range(numbers, len(class_names), where)
        return numbers, tuple(class_names)
    found, positions = np.unique(numbers, return_inverse=True)
    return positions.astype(np.int64).reshape(-1), tuple(str(value) for value in found.tolist())


def _flat(labels: Any, where: str) -> npt.NDArray[Any]:
    try:
        values = np.asarray(labels)
    except (ValueError, TypeError) as error:
        raise DataError(f"{where}: labels that are no list of numbers or names: {error}") from error
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        hint = "; of one-hot rows take labels.argmax(axis=1)" if values.ndim == 2 else ""
        raise DataError(f"{where}: labels of shape {values.shape}; one number or name for each image is needed{hint}")
    return values


def _text(value: Any, where: str) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise DataError(f"{where}: the label {value!r:.60}; labels are whole numbers or names of classes, not both")
    return value


def _named(
    texts: Sequence[str], where: str, class_names: Sequence[str] | None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    names = tuple(sorted(set(texts), key=natural_key)) if class_names is None else tuple(class_names)
    position = {name: number for number, name in enumerate(names)}
    strange = sorted(set(texts) - set(names))[:_SHOWN]
    if strange:
        raise DataError(f"{where}: labels that are none of the classes {', '.join(names)}: {', '.join(strange)}")
    return np.array([position[text] for text in texts], np.int64), names


def _check_range(numbers: npt.NDArray[np.int64], classes: int, where: str) -> None:
    outside = (numbers < 0) | (numbers >= classes)
    if outside.any():
        record = int(np.argmax(outside))
        raise DataError(
            f"{where}: label {record} is {numbers[record]}, but there are {classes} classes, 0 to {classes - 1}"
        )
