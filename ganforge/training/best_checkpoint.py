"""Which checkpoint of a run is the best one: `checkpoints/best`, a line of JSON beside them.

{"step": 3000, "measure": "kid", "value": 0.0855}
"""

from pathlib import Path

import msgspec

from ganforge._io.files import write_whole
from ganforge.errors import RunError
from ganforge.training.run_folder import CHECKPOINTS

NAME = "best"


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """The best checkpoint."""

    step: int
    measure: str
    value: float
    """The lowest of all measured checkpoints."""


def read_best(folder: Path) -> Best | None:
    """The best checkpoint of a run; None: none has been measured.

    Raises:
        RunError: the file cannot be read.
    """
    path = folder / CHECKPOINTS / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Best)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RunError(
            f"{path} cannot be read: {error}; remove it, and `ganforge evaluate {folder} --every-checkpoint` says "
            "which checkpoint is the best"
        ) from error


def step_of_best(folder: Path) -> int:
    """The step of the best checkpoint of a run.

    Raises:
        RunError: the run has none.
    """
    best = read_best(folder)
    if best is None:
        raise RunError(
            f"run {folder} does not say which checkpoint is the best; train with --keep-best kid, or see "
            f"`ganforge evaluate {folder} --every-checkpoint`"
        )
    return best.step


def write_best(folder: Path, best: Best) -> None:
    """Say which checkpoint is the best. Raises `WriteError`: it cannot be written; what was said before stands."""
    write_whole(folder / CHECKPOINTS / NAME, msgspec.json.encode(best) + b"\n")
