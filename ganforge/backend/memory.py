"""Memory that ran out: how much there was, how much was asked for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ganforge._io.machine import free_memory, memory_limit, physical_memory
from ganforge.errors import OutOfMemoryError

_UNITS = {"": 1, "b": 1, "byte": 1, "bytes": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}


def bytes_after(words: str, text: str) -> int | None:
    """The first amount in a framework's message after some words: '20.00 MiB', '4.5GB', '4096 bytes'. None: no such.

    words: a regular expression.
    """
    found = re.search(rf"(?:{words})\D{{0,40}}?(\d+(?:\.\d+)?) ?([a-zA-Z]*)", text)
    if found is None:
        return None
    unit = found[2].lower()
    return int(float(found[1]) * _UNITS.get(unit, _UNITS.get(unit[:1], 1)))


def out_of_memory(
    device: str, *, asked: int | None = None, free: int | None = None, total: int | None = None
) -> OutOfMemoryError:
    """The error of a device whose memory ran out, in bytes; None: the framework does not say."""
    facts = [f"it has {worded(total)}" if total is not None else "", f"{worded(free)} of it free" if free else ""]
    has = ", ".join(fact for fact in facts if fact)
    wanted = f"{worded(asked)} more were asked for" if asked is not None else ""
    about = "; ".join(part for part in (has, wanted) if part)
    return OutOfMemoryError(f"device {device} is out of memory" + (f": {about}" if about else ""), total=total)


def worded(count: int) -> str:
    """Bytes as people read them: '1.5 GiB'."""
    value, units = float(count), iter(("bytes", "KiB", "MiB", "GiB", "TiB", "PiB"))
    unit = next(units)
    while value >= 1024 and (larger := next(units, None)) is not None:
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def host_memory() -> tuple[int | None, int | None]:
    """Bytes of memory that this process may have, and of these the free ones, where the system says so."""
    total, limit = physical_memory(), memory_limit()
    if limit is not None and (total is None or limit < total):
        return limit, None
    return total, free_memory()


@contextmanager
def host_memory_told() -> Iterator[None]:
    """While open, NumPy's and Python's error about memory becomes one that says how much there was.

    Raises:
        OutOfMemoryError: memory ran out.
    """
    try:
        yield
    except MemoryError as error:
        total, free = host_memory()
        raise out_of_memory("cpu", asked=bytes_after("allocate", str(error)), free=free, total=total) from error
