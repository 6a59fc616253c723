"""Two backends side by side: the first thing that differs, or the proof that nothing does.

In float64 two correct backends agree to rounding for hundreds of steps, so whatever differs more is a bug that can be
found. docs/parity.md says what each row means; `ganforge.testing.diagnose` says who is wrong, and why.
"""

from ganforge.parity.comparison import compare
from ganforge.parity.pair import Inputs
from ganforge.parity.report import Location, Mismatch, Report, Row, Verdict

__all__ = ["Inputs", "Location", "Mismatch", "Report", "Row", "Verdict", "compare"]
