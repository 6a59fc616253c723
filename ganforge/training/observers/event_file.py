"""Event files of TensorBoard, written without TensorBoard and without a framework.

A file is a row of records (length, its checksum, the data, their checksum), each the protocol buffer of an event. Few
of its fields are needed, so they are encoded here: of the published writers one imports PyTorch and the other
TensorFlow wherever it is installed, though neither needs it.
"""

import struct
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ganforge._io.files import append
from ganforge.spec.arrays import Array

Value = bytes
"""A `Summary.Value`, encoded."""

_BUCKETS = 30


def begin(path: Path, step: int) -> None:
    """Begin an event file; what earlier files of the folder hold from `step` on is to be forgotten.

    Raises:
        WriteError: it cannot be written.
    """
    _append(path, _text(3, "brain.Event:2"))
    _append(path, _number(2, step) + _bytes(7, _number(1, 1)))  # SessionLog, status START


def write(path: Path, step: int, values: Iterable[Value]) -> None:
    """Add values of one step.

    Raises:
        WriteError: they cannot be written.
    """
    summary = b"".join(_bytes(1, value) for value in values)
    _append(path, _number(2, step) + _bytes(5, summary))


def scalar(tag: str, value: float) -> Value:
    """One number."""
    return _text(1, tag) + _key(2, 5) + struct.pack("<f", value)


def image(tag: str, png: bytes, width: int, height: int) -> Value:
    """A PNG file's bytes."""
    return _text(1, tag) + _bytes(4, _number(1, height) + _number(2, width) + _number(3, 3) + _bytes(4, png))


def histogram(tag: str, values: Array) -> Value:
    """How many of `values`, of any shape but empty, lie in each of thirty equal parts of their range."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    counts, edges = np.histogram(flat, bins=_BUCKETS)
    facts = (flat.min(), flat.max(), flat.size, flat.sum(), flat @ flat)
    message = b"".join(_double(field, float(fact)) for field, fact in enumerate(facts, start=1))
    message += _bytes(6, edges[1:].astype("<f8").tobytes()) + _bytes(7, counts.astype("<f8").tobytes())
    return _text(1, tag) + _bytes(5, message)


def hyperparameters(settings: Mapping[str, str | float | bool]) -> Value:
    """The settings of a run by name, for the tab of that name."""
    entries = b"".join(_bytes(1, _text(1, name) + _bytes(2, _setting(value))) for name, value in settings.items())
    content = _bytes(3, entries)  # SessionStartInfo
    plugin = _text(1, "hparams") + _bytes(2, content)
    return _text(1, "_hparams_/session_start_info") + _bytes(9, _bytes(1, plugin))


def _setting(value: str | float | bool) -> bytes:
    match value:
        case bool():
            return _number(4, int(value))
        case str():
            return _text(3, value)
        case _:
            return _double(2, float(value))


# Protocol buffers: a field is its number and wire type (0 integer, 1 and 5 fixed, 2 bytes), then its value. -----------


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _number(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _key(field, 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


# Records -------------------------------------------------------------------------------------------------------------


def _append(path: Path, event: bytes) -> None:
    event = _double(1, time.time()) + event
    length = struct.pack("<Q", len(event))
    record = length + _masked_checksum(length) + event + _masked_checksum(event)
    append(path, record)


def _table() -> tuple[int, ...]:
    """CRC-32C by bytes: the reflected polynomial 0x1EDC6F41."""
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)
        entries.append(entry)
    return tuple(entries)


_TABLE = _table()


def _checksum(content: bytes) -> int:
    rest = 0xFFFFFFFF
    for byte in content:
        rest = _TABLE[(rest ^ byte) & 0xFF] ^ rest >> 8
    return rest ^ 0xFFFFFFFF


def _masked_checksum(content: bytes) -> bytes:
    """Rotated and shifted, as the format has it, since a checksum of what holds its own checksum tells little."""
    found = _checksum(content)
    return struct.pack("<I", ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF)
