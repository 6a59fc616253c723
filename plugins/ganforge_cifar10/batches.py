"""One batch, of the binary or the Python version: images and labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganforge.errors import DataError
from ganforge_cifar10.pickles import Refused, read_plain

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""In the order of the labels."""

_PIXELS = 3 * 32 * 32
_RECORD = 1 + _PIXELS


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Pixels and labels as they lie in the file, without a copy of the pixels."""

    pixels: npt.NDArray[np.uint8]
    """(N, 3072): all red ones of an image, all green, all blue, each row by row."""
    labels: npt.NDArray[np.int64]
    """(N,), positions in `CLASSES`."""


def parse_batch(content: bytes, name: str, where: str) -> Batch:
    """The batch in a file's content; of the binary version if its name ends in .bin or its content is no pickle.

    Raises:
        DataError: neither version, damaged, or with a label that is no class; `where` begins the message.
    """
    python = not name.endswith(".bin") and content.startswith(b"\x80")
    batch = _from_python(content, where) if python else _from_binary(content, where)
    wrong = (batch.labels < 0) | (batch.labels >= len(CLASSES))
    if wrong.any():
        record = int(np.argmax(wrong))
        raise DataError(f"{where}: record {record} has the label {batch.labels[record]}; the labels are 0 to 9")
    return batch


def _from_binary(content: bytes, where: str) -> Batch:
    """Records of a label and 1,024 red, 1,024 green and 1,024 blue bytes, as many as there are."""
    count, over = divmod(len(content), _RECORD)
    if over or not count:
        raise DataError(
            f"{where}: its {len(content):,} bytes are {count:,} records of {_RECORD:,} bytes and {over:,} bytes over; "
            "it is cut short or not of CIFAR-10's binary version. Get it anew"
        )
    records = np.frombuffer(content, np.uint8).reshape(count, _RECORD)
    return Batch(pixels=records[:, 1:], labels=records[:, 0].astype(np.int64))


def _from_python(content: bytes, where: str) -> Batch:
    """A pickled dictionary with `data`, uint8 (N, 3072), and `labels`, a list of N integers."""
    try:
        match read_plain(content):
            case {"data": np.ndarray() as data, "labels": list() as labels}:
                if data.shape != (len(labels), _PIXELS) or not labels:
                    raise Refused(f"pixels of shape {data.shape} with {len(labels):,} labels")
                if not all(type(label) is int and abs(label) < 2**31 for label in labels):
                    raise Refused("labels that are no small integers")
                return Batch(pixels=data, labels=np.array(labels, np.int64))
            case _:
                raise Refused("no dictionary with 'data', an array of bytes, and 'labels', a list")
    except Refused as error:
        raise DataError(f"{where}: not of CIFAR-10's Python version, or damaged: {error}. Get it anew") from error
