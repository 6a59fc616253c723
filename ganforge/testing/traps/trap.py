"""What a trap is."""

from dataclasses import dataclass

from ganforge.testing.forms import Forms


@dataclass(frozen=True, kw_only=True)
class Trap:
    """One wrong form: same shapes, no error, other numbers."""

    name: str
    number: int
    """In the table of docs/parity.md."""
    what: str
    """What is computed instead, as the end of 'it looks as if ...'."""
    remedy: str
    forms: Forms
    """The reference with the piece exchanged."""
