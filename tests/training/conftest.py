"""What the tests of training share."""

from pathlib import Path

import pytest
from fakes import work_in


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the test works: with `r.toml` and a host of nothing but the core and the stand-ins."""
    return work_in(tmp_path, monkeypatch)
