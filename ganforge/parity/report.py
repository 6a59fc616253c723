"""What comes out of a comparison: rows with a verdict each, and the two arrays behind the first that differs."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ganforge.backend.contract import Precision
from ganforge.spec.arrays import Array

Verdict: TypeAlias = Literal["holds", "differs", "not defined"]


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where two backends differ: first, or most where they agree."""

    array: str
    """A layer's or an array's name."""
    step: int
    """Steps done; 0: before the first."""
    index: tuple[int, ...]
    """Of the element that differs most."""

    def __str__(self) -> str:
        """As a person says it."""
        step = f", step {self.step}" if self.step else ""
        return f"{self.array}{list(self.index) if self.index else ''}{step}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that was compared."""

    what: str
    difference: float
    """Of the element closest to its limit, relative to the largest of its array; see docs/parity.md.

    Infinite: shapes differ, or NaN.
    """
    tolerance: float | None
    """Its limit; None: beyond the horizon to which the numbers are determined, or rounding decides."""
    where: Location | None = None
    """The first that differs too much; the largest difference where none does."""
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether the contract holds here."""
        if self.tolerance is None:
            return "not defined"
        return "holds" if self.difference <= self.tolerance else "differs"


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """The two arrays behind the first row that differs."""

    place: Location
    a: Array
    b: Array


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came out of a comparison."""

    a: str
    b: str
    precision: Precision
    rows: tuple[Row, ...]
    mismatch: Mismatch | None = None

    @property
    def ok(self) -> bool:
        """Whether every row that is defined holds."""
        return self.first is None

    @property
    def first(self) -> Row | None:
        """The first row that differs: what is computed first is listed first."""
        return next((row for row in self.rows if row.verdict == "differs"), None)

    def as_data(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON knows it; an infinite difference is null."""
        return {
            "backends": [self.a, self.b],
            "precision": self.precision,
            "ok": self.ok,
            "rows": [
                {
                    "what": row.what,
                    "difference": row.difference if np.isfinite(row.difference) else None,
                    "tolerance": row.tolerance,
                    "verdict": row.verdict,
                    "array": row.where.array if row.where else None,
                    "step": row.where.step if row.where else None,
                    "index": list(row.where.index) if row.where else None,
                    "note": row.note,
                }
                for row in self.rows
            ],
        }
