"""The curves of a run: its losses and what was measured while it trained, as an image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, inf, log10

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganforge.errors import RunError
from ganforge.spec.arrays import Array

Entry = Mapping[str, float]
"""A step, and what was logged or measured after it, by name."""
Color = tuple[int, int, int]

_INK, _GRID, _PAPER = (30, 30, 30), (225, 225, 225), (255, 255, 255)
_BLUE, _ORANGE = (31, 97, 170), (214, 96, 20)
_PALE = 0.65
"""How far towards white the single values lie behind their running mean."""
_FINE = 4  # drawn so many times larger, then shrunk: Pillow's lines have no smooth edges of their own
_WIDTH, _HEIGHT = 900, 270  # of a panel's inside
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 24, 34, 30  # around it
_HIGHEST = 1e300
"""What is not drawn: infinity, NaN and their neighbours, of a run that diverged."""
_MANY = 200
"""From so many values on their running mean is drawn over them."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One diagram: values over the steps."""

    title: str
    lines: tuple[tuple[str, Color], ...]
    """Names and colours of the values."""
    named: bool = True
    """Whether its head names the lines; not where a legend does for all diagrams."""


PANELS = (
    Panel(title="losses by step", lines=(("d_loss", _BLUE), ("g_loss", _ORANGE))),
    Panel(title="mean logits of the discriminator by step", lines=(("d_real", _BLUE), ("d_fake", _ORANGE))),
    *(
        Panel(title=f"{title} by step", lines=((name, _BLUE), (f"real_{name}", _ORANGE)))
        for name, title in (("kid", "KID"), ("frechet", "Frechet distance"), ("mind", "MIND"))
    ),
    Panel(title="precision and recall by step", lines=(("precision", _BLUE), ("recall", _ORANGE))),
    Panel(title="density and coverage by step", lines=(("density", _BLUE), ("coverage", _ORANGE))),
    Panel(title="recognised as asked by step", lines=(("recognised", _BLUE),)),
)


def draw(
    entries: Sequence[Entry],
    caption: str,
    *,
    panels: Sequence[Panel] = PANELS,
    legend: Sequence[tuple[str, Color]] = (),
    smooth: int | None = None,
) -> Image.Image:
    """Both losses over the steps; what the discriminator says of real and of generated images; what was measured.

    The measures of real images against other real ones are named `real_kid` and so on.

    Args:
        entries: what was logged and measured.
        caption: the first line.
        panels: the diagrams; one without any value is left out.
        legend: names and colours of lines, below the caption.
        smooth: draw the mean of so many values over paler single ones; by default a fiftieth of them, from 200 on.

    Raises:
        RunError: there is nothing to draw, since no step has been logged.
    """
    shown = [panel for panel in panels if any(len(_points(entries, name)) for name, _ in panel.lines)]
    if not shown:
        raise RunError("the journal holds no logged step, so there is no curve to draw")
    head = (28 if caption else 10) + 20 * len(legend)
    size = (_LEFT + _WIDTH + _RIGHT, head + len(shown) * (_TOP + _HEIGHT + _BOTTOM) + 8)
    pen = _Pen(size)
    pen.text((_LEFT, 22), caption, "ls")
    for number, (name, color) in enumerate(legend):
        y = head - 20 * (len(legend) - number) + 14
        pen.line(np.array([[_LEFT, y - 4], [_LEFT + 18, y - 4]]), color, 2.5)
        pen.text((_LEFT + 24, y), name, "ls", color)
    for number, panel in enumerate(shown):
        _draw_panel(pen, panel, entries, smooth, head + number * (_TOP + _HEIGHT + _BOTTOM) + _TOP)
    return pen.image.resize(size, Image.Resampling.LANCZOS)


def draw_small(history: Mapping[str, Array]) -> Image.Image | None:
    """The curve of `draw` at half its size, from arrays by name, for a notebook. None: nothing has been logged."""
    if not len(history.get("step", ())):
        return None
    names = list(history)
    entries = [dict(zip(names, map(float, row), strict=True)) for row in zip(*history.values(), strict=True)]
    image = draw(entries, "")
    return image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.LANCZOS)


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(number * step) + 0.0 for number in np.arange(first, last + 1)]  # no -0


def running_mean(values: Array, window: int) -> Array:
    """The mean of the `window` values around each; of fewer at both ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    first, last = np.maximum(places - window // 2, 0), np.minimum(places + window // 2 + 1, len(values))
    return np.asarray((sums[last] - sums[first]) / (last - first))


class _Pen:
    """A sheet of paper in pixels, on which everything is drawn larger."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.image = Image.new("RGB", (size[0] * _FINE, size[1] * _FINE), _PAPER)
        self._draw = ImageDraw.Draw(self.image)
        self._font = ImageFont.load_default(size=13 * _FINE)

    def line(self, points: Array, color: Color, width: float = 1.0) -> None:
        """Through points (N, 2)."""
        self._draw.line((points * _FINE).ravel().tolist(), fill=color, width=round(width * _FINE), joint="curve")

    def dot(self, center: Array, color: Color, radius: float) -> None:
        """Around a point (2,)."""
        corners = np.concatenate([center - radius, center + radius]) * _FINE
        self._draw.ellipse(corners.tolist(), fill=color)

    def text(self, at: tuple[float, float], words: str, anchor: str, color: Color = _INK) -> float:
        """Returns its width."""
        self._draw.text((at[0] * _FINE, at[1] * _FINE), words, fill=color, font=self._font, anchor=anchor)
        return self._font.getlength(words) / _FINE


def _draw_panel(pen: _Pen, panel: Panel, entries: Sequence[Entry], smooth: int | None, top: int) -> None:
    drawn = [(name, color, _points(entries, name)) for name, color in panel.lines]
    drawn = [each for each in drawn if len(each[2])]
    every = np.concatenate([points for _, _, points in drawn])
    (_, low), (last, high) = every.min(axis=0), every.max(axis=0)
    size = max(1.0, abs(low), abs(high))
    room = 0.05 * (high - low) if high - low > 1e-9 * size else 0.5 * size
    low, high = low - room, high + room

    def place(points: Array) -> Array:
        x = _LEFT + points[:, 0] / last * _WIDTH
        y = top + (high - points[:, 1]) / (high - low) * _HEIGHT
        return np.stack([x, y], axis=1)

    for tick in ticks(low, high):
        ends = place(np.array([[0.0, tick], [last, tick]]))
        pen.line(ends, _GRID)
        pen.text((_LEFT - 8, ends[0, 1]), f"{tick:.10g}", "rm")
    for tick in ticks(0, last, 8):
        (x, y), _ = ends = place(np.array([[tick, low], [tick, high]]))
        pen.line(ends, _GRID)
        pen.text((x, y + 6), f"{tick:,.10g}", "mt")
    at = _LEFT + pen.text((_LEFT, top - 9), panel.title, "ls") + 24
    for _, color, points in drawn:
        _draw_values(pen, place(points), color, pale=_is_smoothed(points, smooth))
    for name, color, points in drawn:
        if _is_smoothed(points, smooth):
            mean = running_mean(points[:, 1], smooth or len(points) // 50)
            pen.line(place(np.stack([points[:, 0], mean], axis=1)), color, 2)
        if not panel.named:
            continue
        pen.line(np.array([[at, top - 13], [at + 18, top - 13]]), color, 2.5)
        at += 24 + pen.text((at + 24, top - 9), name, "ls", color) + 20


def _is_smoothed(points: Array, smooth: int | None) -> bool:
    """Whether a mean is drawn over the single values."""
    return len(points) > 1 if smooth else len(points) >= _MANY


def _draw_values(pen: _Pen, points: Array, color: Color, *, pale: bool) -> None:
    if len(points) == 1:
        pen.dot(points[0], color, 2.5)
    elif not pale:
        pen.line(points, color, 1.5)
    else:
        red, green, blue = (round(part + (255 - part) * _PALE) for part in color)
        pen.line(points, (red, green, blue))


def _points(entries: Sequence[Entry], name: str) -> Array:
    found = [(entry["step"], entry[name]) for entry in entries if abs(entry.get(name, inf)) < _HIGHEST]
    return np.array(found, dtype=np.float64).reshape(-1, 2)
