"""What an evaluation found, as values and as a table for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ganforge.evaluation.copies import Copies
from ganforge.evaluation.measures import Measures

_SHOWN = 2
"""Sets of images whose classes are told; of many checkpoints only the last one's, the others in the JSON."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """The measures of one set of images."""

    subject: str
    """As "step 2,000", a folder's name, "real against real"."""
    step: int | None = None
    measures: Measures
    recognised: float | None = None
    """Share of the images that look like the class that they were asked for; None: without classes."""


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """The measures of one class in one set of images."""

    subject: str
    class_name: str
    images: int
    measures: Measures
    floor: Measures
    """Of real images of the class against others of it."""
    recognised: float
    floor_recognised: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that one extractor says."""

    extractor: str
    fingerprint: str
    dimension: int
    resizing: str
    frechet: str
    """The name of its Frechet distance."""
    biased: bool
    """Whether there are too few images for the Frechet distance (n < 2 d)."""
    floor: Row
    """Real images against other real images: what images that are as good as real ones would get."""
    rows: tuple[Row, ...]
    classes: tuple[ClassRow, ...] = ()

    @property
    def best(self) -> Row | None:
        """The checkpoint of the lowest KID, of several; on a tie the earliest."""
        stepped = [row for row in self.rows if row.step is not None]
        return min(stepped, key=lambda row: row.measures.kid) if len(stepped) > 1 else None


@dataclass(frozen=True, kw_only=True, repr=False)
class Evaluation:
    """Generated images against real ones."""

    target: str
    real: str
    images: int
    """Generated and real images each, and as many other real ones for the floor."""
    real_images: int
    """All real images that there are."""
    shape: tuple[int, int, int]
    seed: int
    """Of the choice of real images, of subsets and of directions."""
    seeds: tuple[int, int] | None
    """First and last seed of the generated images; None: they come from files."""
    notes: tuple[str, ...] = ()
    reports: tuple[Report, ...]
    copies: Copies | None = None
    """By the first extractor; None: not asked for."""

    def table(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        """The tables, with all that belongs beside the figures."""
        height, width, channels = self.shape
        drawn = f", of seeds {self.seeds[0]} to {self.seeds[1]:,}" if self.seeds is not None else ""
        head = [
            f"{self.target}: {self.images:,} generated images{drawn}, {height}x{width}x{channels}",
            f"real: {self.images:,} of the {self.real_images:,} images of {self.real}, chosen with seed {self.seed}; "
            f"the floor: {self.images:,} others",
            *self.notes,
        ]
        parts = ["\n".join(head), *(_report(report, self.images) for report in self.reports)]
        return "\n\n".join(parts if self.copies is None else [*parts, str(self.copies)])


def _report(report: Report, images: int) -> str:
    classes = report.floor.recognised is not None
    head = ["", "KID", report.frechet, "precision", "recall", "density", "coverage", "MIND"]
    rows = [_row(row, classes) for row in (*report.rows, report.floor)]
    lines = [
        f"extractor {report.extractor}: {report.dimension:,} features; {report.fingerprint}; "
        f"resizing: {report.resizing}",
        _aligned([head + ["recognised"] * classes, *rows]),
    ]
    if (best := report.best) is not None:
        lines.append(f"lowest KID: {best.subject}")
    if report.biased:
        lines.append(
            f"{report.frechet}: too large, since {images:,} images are fewer than twice {report.dimension:,} features; "
            "compare it with real against real at this number of images alone"
        )
    if report.classes:
        subjects = list(dict.fromkeys(row.subject for row in report.classes))
        shown = subjects if len(subjects) <= _SHOWN else subjects[-1:]
        lines += ["", _classes([row for row in report.classes if row.subject in shown])]
    return "\n".join(lines)


def _row(row: Row, classes: bool) -> list[str]:
    found = row.measures
    cells = [row.subject, _kid(found), f"{found.frechet:.5g}", *_balls(found), f"{found.mind:.5g}"]
    return cells + [_share(row.recognised)] * classes


def _classes(rows: Sequence[ClassRow]) -> str:
    head = [
        "",
        "class",
        "images",
        "KID",
        "real KID",
        "precision",
        "recall",
        "density",
        "coverage",
        "recognised",
        "real",
    ]
    return _aligned(
        [
            head,
            *(
                [
                    row.subject,
                    row.class_name,
                    f"{row.images:,}",
                    _kid(row.measures),
                    _kid(row.floor),
                    *_balls(row.measures),
                    _share(row.recognised),
                    _share(row.floor_recognised),
                ]
                for row in rows
            ),
        ]
    )


def _kid(found: Measures) -> str:
    return f"{found.kid:.4g} ± {found.kid_deviation:.2g}"


def _balls(found: Measures) -> list[str]:
    return [f"{value:.3f}" for value in (found.precision, found.recall, found.density, found.coverage)]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
