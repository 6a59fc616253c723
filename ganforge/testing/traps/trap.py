"""What a trap is."""

from dataclasses import dataclass

from ganforge.testing.semantics import Semantics


@dataclass(frozen=True, kw_only=True)
class Trap:
    """One wrong form: same shapes, no error, other numbers."""

    name: str
    number: int
    """In the table of docs/parity.md."""
    what: str
    """What is computed instead, to follow "it looks as if"."""
    remedy: str
    semantics: Semantics
    """The reference with the piece exchanged."""

    def __str__(self) -> str:
        """What it looks like, and what to do."""
        return f"it looks as if {self.what} (trap {self.name}, row {self.number} of docs/parity.md): {self.remedy}"
