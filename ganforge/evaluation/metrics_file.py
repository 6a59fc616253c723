"""What was measured while a run trained: `metrics.jsonl` in its folder, one line of JSON for each measured step.

{"step": 500, "extractor": "lite0", "fingerprint": "...", "images": 1000, "measures": {"kid": 0.12, ...}, "real": {...}}

Nothing in it depends on time, so a run that was stopped and resumed has the same lines as one that was not.
"""

from pathlib import Path

import msgspec

from ganforge._io.files import append, write_whole
from ganforge.errors import RunError

NAME = "metrics.jsonl"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A line."""

    step: int
    extractor: str
    fingerprint: str
    """Of the extractor."""
    images: int
    """Generated images, and as many real ones."""
    measures: dict[str, float]
    real: dict[str, float]
    """The same measures of real images against other real ones."""

    @property
    def by(self) -> str:
        """What the figures depend on, in a few words."""
        return f"{self.extractor}, {self.images:,} images"


def add(folder: Path, measured: Measured) -> None:
    """Add a line. Raises `WriteError`."""
    append(folder / NAME, msgspec.json.encode(measured) + b"\n")


def cut(folder: Path, step: int) -> None:
    """Remove the lines of steps after `step`, which will be done again, and one that was cut short.

    Raises:
        RunError: the file cannot be read or written.
    """
    lines = _lines(folder)
    kept = [line for line in lines if (found := _parsed(line)) is not None and found.step <= step]
    if kept != lines:
        write_whole(folder / NAME, b"".join(kept))


def read(folder: Path) -> list[Measured]:
    """All lines, in order; none of a run that was not measured.

    Raises:
        RunError: the file cannot be read.
    """
    return [found for line in _lines(folder) if (found := _parsed(line)) is not None]


def _lines(folder: Path) -> list[bytes]:
    path = folder / NAME
    try:
        return path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error


def _parsed(line: bytes) -> Measured | None:
    """None: it was cut short, or is no line of this file."""
    try:
        return msgspec.json.decode(line, type=Measured) if line.endswith(b"\n") else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
