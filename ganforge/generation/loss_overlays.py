"""The curves of several runs over one another: a colour for each run, a diagram for each value."""

from collections.abc import Sequence

from PIL import Image

from ganforge.errors import RunError
from ganforge.generation.loss_curves import Color, Entry, Panel, draw

COLORS: tuple[Color, ...] = (
    (31, 97, 170),
    (214, 96, 20),
    (34, 139, 84),
    (176, 42, 72),
    (122, 82, 170),
    (118, 92, 60),
    (20, 150, 165),
    (110, 110, 110),
)
"""As many runs can be told apart."""
_VALUES = {"d_loss": "d_loss", "g_loss": "g_loss", "kid": "KID", "frechet": "Frechet distance", "mind": "MIND"}
"""What is drawn, and its name for people."""


def overlay(runs: Sequence[tuple[str, Sequence[Entry]]], *, smooth: int | None = None) -> Image.Image:
    """The losses of several runs, and what was measured of them, over their steps.

    Args:
        runs: name and entries of each, one to as many as there are `COLORS`.
        smooth: see `draw`.

    Raises:
        RunError: too many runs, or no step has been logged.
    """
    if len(runs) > len(COLORS):
        raise RunError(f"{len(runs)} runs are too many for one image; give {len(COLORS)} at most")
    entries: list[Entry] = []
    for number, (_, lines) in enumerate(runs):
        for line in lines:
            named = {f"{number}/{name}": line[name] for name in _VALUES if name in line}
            entries.append({"step": line["step"], **named})
    panels = [
        Panel(
            title=f"{title} by step",
            lines=tuple((f"{number}/{name}", COLORS[number]) for number in range(len(runs))),
            named=False,
        )
        for name, title in _VALUES.items()
    ]
    legend = [(name, COLORS[number]) for number, (name, _) in enumerate(runs)]
    return draw(entries, "", panels=panels, legend=legend, smooth=smooth)
