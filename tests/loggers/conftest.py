"""A run in a folder of its own that draws samples; each file adds its logger."""

from pathlib import Path

import pytest
from fakes import use_host, work_in

from ganforge.plugins.host import Host
from ganforge.training.observers import snapshots


@pytest.fixture
def drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The host of such a run."""
    work_in(tmp_path, monkeypatch)
    made = use_host(monkeypatch)
    made.add("snapshots", lambda: snapshots)
    return made
