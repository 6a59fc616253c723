"""One document, one verdict: only a `GanforgeError` may come out, in bounded time and memory."""

import resource
import shutil
import sys
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from time import process_time

from ganforge.errors import GanforgeError

from .target import Target

SECONDS = 5.0
"""Of the processor, that a document may cost."""
PEAK_BYTES = 1 << 30
"""By which the process may grow over all documents together."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What should not have happened."""

    place: str
    """Kind of the error and the last line of ganforge's own in its traceback: the same for the same mistake."""
    text: str


def outcome(target: Target, document: bytes, folder: Path) -> Finding | None:
    """What is wrong with how the target's reader takes a document; None: nothing.

    `folder`: an empty one, for files; what is put there is removed.
    """
    began, before = process_time(), peak()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about damaged notes in an image
            target.read(document, folder)
    except GanforgeError as error:
        found = _unprintable(error)
    except Exception as error:
        found = Finding(place=f"{type(error).__name__} at {_line(error)}", text=traceback.format_exc())
    else:
        found = None
    finally:
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    if (seconds := process_time() - began) > SECONDS:
        return found or Finding(place="too slow", text=f"{seconds:.1f} s")
    if (grown := peak() - before) > PEAK_BYTES:
        return found or Finding(place="too large", text=f"{grown >> 20} MiB more at its peak")
    return found


def _unprintable(error: GanforgeError) -> Finding | None:
    """A message is meant for a terminal: text that can be encoded, and of a length that somebody reads."""
    text = str(error)
    try:
        text.encode()
    except UnicodeEncodeError:
        return Finding(place=f"message with surrogates at {_line(error)}", text=traceback.format_exc())
    if len(text) > 4100:
        return Finding(place=f"message without end at {_line(error)}", text=traceback.format_exc()[:20_000])
    return None


def _line(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if any(part.startswith("ganforge") for part in Path(each.filename).parts)]
    last = (own or frames)[-1]
    return f"{Path(last.filename).parent.name}/{Path(last.filename).name} {last.name}"


def peak() -> int:
    """Bytes of memory that this process has had at most."""
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else found << 10
