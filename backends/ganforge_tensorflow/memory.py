"""What TensorFlow says when memory runs out, in ganforge's words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

import tensorflow as tf

from ganforge.backend import host_memory, out_of_memory
from ganforge_tensorflow.devices import common

_SIZES = {"float": 4, "double": 8, "bfloat16": 2, "int32": 4, "uint8": 1}
"""Bytes of TensorFlow's types by the names that its message has for them."""


@contextmanager
def told(device: str) -> Iterator[None]:
    """While open, TensorFlow's error about memory becomes one that says how much there was.

    Raises:
        OutOfMemoryError: memory ran out.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        total, free = host_memory() if "CPU" in device else (None, None)
        raise out_of_memory(common(device), asked=_asked(str(error)), free=free, total=total) from error


def _asked(text: str) -> int | None:
    """Bytes of the tensor for which there was no room: 'with shape[64,3,64,64] and type float'."""
    found = re.search(r"shape\s?\[([\d,]*)\] and type (\w+)", text)
    if found is None or found[2] not in _SIZES:
        return None
    return prod(int(size) for size in found[1].split(",") if size) * _SIZES[found[2]]
