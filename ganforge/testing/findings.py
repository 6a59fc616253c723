"""What a check found wrong, as one error that can be read."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is not as the contract says."""

    what: str
    where: str = ""
    """The GAN, layer, array or image."""
    trap: str = ""
    """The likely reason and its remedy."""

    def __str__(self) -> str:
        """One entry of the list."""
        where = f" ({self.where})" if self.where else ""
        trap = f"\n    {self.trap}" if self.trap else ""
        return f"- {self.what}{where}{trap}"


class ConformanceError(AssertionError):
    """A backend or a data set does not keep its contract."""

    def __init__(self, subject: str, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join([f"{subject} does not keep its contract:", *map(str, findings)]))
        self.findings = tuple(findings)
