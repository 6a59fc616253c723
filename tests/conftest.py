"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # a busy machine may pause any example
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real image sets: $GANFORGE_TEST_DATA, or shared/data beside the checkout. Skips where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GANFORGE_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no image sets at {folder} (set GANFORGE_TEST_DATA)")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or fills the cache of the person who runs it."""
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))
