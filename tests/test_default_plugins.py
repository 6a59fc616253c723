"""Journal, snapshots and progress, told of a run's events by hand."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ganforge.default_plugins import journal, progress
from ganforge.errors import RunError


@dataclass
class FakeRun:
    folder: Path
    start: int = 0
    step: int = 0
    stop: int = 10
    seconds: float = 1.25
    batch_images: int = 8
    epoch: float = 0.5
    quiet: bool = False
    data: Any = field(default_factory=lambda: SimpleNamespace(images=np.zeros((5, 8, 8, 1), np.uint8), skipped=()))


def steps(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / journal.NAME).read_text().splitlines()]


def test_the_journal_has_a_line_a_logged_step(tmp_path: Path) -> None:
    run = FakeRun(tmp_path)
    journal.ganforge_step_finished(run, 1, None)
    journal.ganforge_step_finished(run, 2, {"d_loss": 0.5})
    assert json.loads((tmp_path / journal.NAME).read_text()) == {
        "step": 2, "images": 16, "epoch": 0.5, "seconds": 1.25, "d_loss": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("tail", [b"", b'{"step": 6, "d_lo', b"\xff\xfe\n", b"[]\n"])
def test_a_resumed_journal_has_neither_gaps_nor_doubled_steps(tmp_path: Path, tail: bytes) -> None:
    run = FakeRun(tmp_path)
    for step in (2, 4, 6):
        journal.ganforge_step_finished(run, step, {"d_loss": 0.5})
    with (tmp_path / journal.NAME).open("ab") as file:
        file.write(tail)
    resumed = FakeRun(tmp_path, start=4)
    journal.ganforge_run_started(resumed)
    journal.ganforge_step_finished(resumed, 6, {"d_loss": 0.5})
    assert steps(tmp_path) == [2, 4, 6]


def test_a_journal_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"journal\.jsonl cannot be written"):
        journal.ganforge_step_finished(FakeRun(tmp_path / "gone"), 2, {"d_loss": 0.5})


def test_a_quiet_run_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = FakeRun(tmp_path, quiet=True)
    progress.ganforge_run_started(run)
    progress.ganforge_step_finished(run, 2, {"d_loss": 0.5})
    progress.ganforge_run_finished(run, None)
    assert capsys.readouterr().out == ""
