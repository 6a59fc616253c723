"""Random changes of a document, the same for the same random numbers."""

import struct
from random import Random

from .target import Change, Target

_NUMBERS = tuple(
    struct.pack(f"{order}{kind}", value & (1 << bits) - 1)
    for order in "<>"
    for kind, bits in (("H", 16), ("I", 32), ("Q", 64))
    for value in (0, 1, -1, 1 << bits - 1, (1 << bits - 1) - 1, 0x10000, 1 << 40, 60000)
)
"""Lengths that are none, negative, or promise too much."""
_TEXTS = (b"-1", b"0", b"1e999", b"-0.0", b"nan", b"inf", b"9" * 20, b"9" * 5000, b"\xff\xfe", b"\xed\xa0\x80", b"\0")
_NESTS = (b"[", b"{", b'{"a":', b"(", b"a.")


def havoc(document: bytes, random: Random, words: tuple[bytes, ...] = ()) -> bytes:
    """A few changes, most often one, at random places."""
    for _ in range(1 << random.choice((0, 0, 0, 1, 2, 3))):
        document = _once(document, random, words)
    return document


def change_of(target: Target, random: Random, inner: Change) -> Change:
    """`inner` applied to a whole document, or to what is inside one of the target's containers."""

    def change(document: bytes) -> bytes:
        container = random.choice((None, *target.containers, *target.containers))
        if container is not None:
            try:
                return container(document, inner)
            except Exception:  # not to be opened any more: it is changed from outside
                pass
        return inner(document)

    return change


def _once(document: bytes, random: Random, words: tuple[bytes, ...]) -> bytes:
    start = random.randrange(len(document) + 1)
    end = min(len(document), start + random.choice((1, 1, 2, 4, 8, random.randrange(len(document) + 1))))
    head, middle, tail = document[:start], document[start:end], document[end:]
    match random.randrange(10):
        case 0:
            return head + bytes(byte ^ 1 << random.randrange(8) for byte in middle[:1]) + middle[1:] + tail
        case 1:
            return head + random.randbytes(len(middle)) + tail
        case 2:
            return head + tail
        case 3:
            return head + middle * random.choice((2, 3, 16)) + tail
        case 4:
            other = random.randrange(len(document) + 1)
            return document[:other] + middle + document[other:]
        case 5:
            number = random.choice(_NUMBERS)
            return head + number + document[start + len(number) :]
        case 6:
            return head + random.choice(_TEXTS) + tail
        case 7:
            return head + random.choice(_NESTS) * random.choice((2, 100, 3000)) + tail
        case 8 if words:
            return head + random.choice(words) + random.choice((tail, middle + tail))
        case _:
            return head
