"""What a fuzzer needs to know of a reader."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Change = Callable[[bytes], bytes]
"""Makes another document of a document."""
Container = Callable[[bytes, Change], bytes]
"""Opens a document, changes what is inside, and seals it again, so that checksums and lengths are right once more.

Raises ValueError where there is nothing to open.
"""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A reader."""

    name: str
    seeds: Callable[[], list[bytes]]
    """Small documents that it takes."""
    read: Callable[[bytes, Path], None]
    """Everything that ganforge does with such a document; the folder is empty, and emptied afterwards."""
    containers: tuple[Container, ...] = ()
    words: tuple[bytes, ...] = ()
    """What the format is made of: put in at random."""
    longest: int = 4096
    """Bytes of a document in the long form."""
    share: float = 1.0
    """Of the inputs of a long run; more for readers whose documents cost less."""


def bundle(*parts: bytes) -> bytes:
    """Several files as one document."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def unbundle(document: bytes, count: int) -> list[bytes]:
    """The first `count` files of a document; what is missing is empty, what is too long is cut."""
    parts = []
    for _ in range(count):
        length = int.from_bytes(document[:4], "big")
        parts.append(document[4 : 4 + length])
        document = document[4 + length :]
    return parts
