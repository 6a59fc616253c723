"""Read a pickle of plain values and arrays of bytes without unpickling: nothing in the file is ever called.

A pickle is a program for a small stack machine, and `pickle.load` runs it, with any function that it names. Here
`pickletools` takes the file apart, and this machine knows the few instructions that build dictionaries, lists, tuples,
numbers, text, bytes and one-byte NumPy arrays. Everything else is refused.
"""

import pickletools
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import numpy as np

_MOST_INSTRUCTIONS = 2_000_000  # the largest batch of CIFAR-10 has about 40,000
_LONGEST_KEY = 100


class Refused(Exception):
    """Something in a pickle that is not read."""


class _Known(Enum):
    """The global names that a batch may mention. They stay names: what they would call is done here."""

    RECONSTRUCT = auto()
    NDARRAY = auto()
    DTYPE = auto()
    ENCODE = auto()


_NAMES = {
    "numpy.core.multiarray _reconstruct": _Known.RECONSTRUCT,
    "numpy._core.multiarray _reconstruct": _Known.RECONSTRUCT,
    "numpy ndarray": _Known.NDARRAY,
    "numpy dtype": _Known.DTYPE,
    "_codecs encode": _Known.ENCODE,  # how Python 3 writes bytes for Python 2
}


class _Mark:
    """Where the items of a list, tuple or dictionary begin on the stack."""


class _ByteType:
    """The NumPy type of unsigned bytes."""


@dataclass(kw_only=True)
class _Array:
    """An array under construction."""

    values: Any = None


def read_plain(content: bytes) -> Any:
    """The value that a pickle describes; keys of dictionaries as text, arrays as read-only uint8.

    Raises:
        Refused: the pickle is damaged, or holds anything but plain values and arrays of unsigned bytes.
    """
    machine = _Machine(room=len(content))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a text with a backslash that escapes nothing
            for number, (instruction, argument, _) in enumerate(pickletools.genops(content)):
                if number == _MOST_INSTRUCTIONS:
                    raise Refused(f"more than {_MOST_INSTRUCTIONS:,} instructions")
                machine.run(instruction.name, argument)
        return machine.result()
    except (ValueError, IndexError, KeyError, struct.error, OverflowError, MemoryError) as error:
        raise Refused(f"a damaged pickle ({error})") from error


_VALUES = frozenset(
    "INT BININT BININT1 BININT2 LONG1 STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINBYTES "
    "SHORT_BINBYTES".split()
)
_FRESH: dict[str, Callable[[], Any]] = {
    "MARK": _Mark,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(kw_only=True)
class _Machine:
    """The stack machine of a pickle, without the instructions that reach out of it."""

    room: int
    """Bytes that text may still become. An honest pickle holds each text once; one could name it a million times."""
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def run(self, name: str, argument: Any) -> None:
        """One instruction, called as in `pickletools`."""
        stack = self.stack
        match name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _ if name in _VALUES:
                stack.append(argument)
            case _ if name in _FRESH:
                stack.append(_FRESH[name]())
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case "TUPLE":
                stack.append(tuple(self.marked()))
            case _ if name in _TUPLES:
                stack.append(tuple([stack.pop() for _ in range(_TUPLES[name])][::-1]))
            case "LIST":
                stack.append(self.marked())
            case "DICT":
                items = self.marked()
                stack.append({})
                self.put(items)
            case "APPEND":
                self.extend([stack.pop()])
            case "APPENDS":
                self.extend(self.marked())
            case "SETITEM":
                self.put([stack.pop(), stack.pop()][::-1])
            case "SETITEMS":
                self.put(self.marked())
            case "GLOBAL":
                stack.append(_known(argument))
            case "STACK_GLOBAL":
                stack[-2:] = [_known(f"{stack[-2]} {stack[-1]}")]
            case "REDUCE":
                stack[-2:] = [self.called(stack[-2], stack[-1])]
            case "BUILD":
                state = stack.pop()
                self.built(stack[-1], state)
            case _:
                raise Refused(f"the instruction {name}")

    def marked(self) -> list[Any]:
        """Take all values above the last mark, and the mark."""
        for start in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[start], _Mark):
                items = self.stack[start + 1 :]
                del self.stack[start:]
                return items
        raise Refused("a damaged pickle (a mark is missing)")

    def extend(self, items: list[Any]) -> None:
        """Add to the list on top."""
        if not isinstance(self.stack[-1], list):
            raise Refused("a damaged pickle (no list to add to)")
        self.stack[-1].extend(items)

    def put(self, items: list[Any]) -> None:
        """Put keys and values, in turn, into the dictionary on top."""
        if not isinstance(self.stack[-1], dict):
            raise Refused("a damaged pickle (no dictionary to put into)")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | bytes) or len(key) > _LONGEST_KEY:
                raise Refused("a key that is no short text")
            text = key.decode("latin-1") if isinstance(key, bytes) else key
            self.stack[-1][text] = value

    def encoded(self, text: str) -> bytes:
        """The bytes that text stands for where Python 3 wrote for Python 2."""
        self.room -= len(text)
        if self.room < 0:
            raise Refused("more bytes than the file can hold")
        return text.encode("latin-1")

    def called(self, function: Any, arguments: Any) -> Any:
        """What the few known functions would return."""
        match function, arguments:
            case _Known.RECONSTRUCT, (_Known.NDARRAY, (0,), "b" | b"b"):
                return _Array()
            case _Known.DTYPE, ("u1" | b"u1" | "|u1" | b"|u1", int(), int()):
                return _ByteType()
            case _Known.DTYPE, (str() | bytes() as kind, *_):
                raise Refused(f"an array of the type {kind[:20]!r}, not of unsigned bytes")
            case _Known.ENCODE, (str() as text, "latin1" | b"latin1"):
                return self.encoded(text)
            case _:
                raise Refused("a call that is not made")

    def built(self, made: Any, state: Any) -> None:
        """What NumPy's `__setstate__` would do."""
        match made, state:
            case _ByteType(), tuple():
                pass  # byte order and alignment, which single bytes do not have
            case _Array(), (1, tuple() as shape, _ByteType(), bool() | int() as fortran, str() | bytes() as content):
                if not all(type(length) is int and length >= 0 for length in shape):
                    raise Refused("an array of an impossible shape")
                raw = self.encoded(content) if isinstance(content, str) else content
                made.values = np.frombuffer(raw, np.uint8).reshape(shape, order="F" if fortran else "C")
            case _:
                raise Refused("a state that is not set")

    def result(self) -> Any:
        """The one value that is left, arrays as arrays."""
        (made,) = self.stack
        if not isinstance(made, dict):
            return made
        return {key: value.values if isinstance(value, _Array) else value for key, value in made.items()}


def _known(name: str) -> _Known:
    if name not in _NAMES:
        raise Refused(f"it names {name[:80]!r}, which is not called")
    return _NAMES[name]
