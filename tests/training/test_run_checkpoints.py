"""The checkpoints of a run: which is the newest good one, which are kept, what is written before them."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fake_runs import run_in
from fakes import core_host

from ganforge.errors import RunError
from ganforge.training import checkpoint
from ganforge.training.run_checkpoints import newest_good, save_checkpoint
from ganforge.training.run_folder import CHECKPOINTS
from ganforge.training.train_run import train_run


def with_checkpoints(folder: Path, *steps: int) -> list[Path]:
    run = run_in(folder, core_host()[0])
    for step in steps:
        save_checkpoint(run, step, "")
    return checkpoint.checkpoints(folder / CHECKPOINTS)


def test_newest_good(tmp_path: Path) -> None:
    lines: list[str] = []
    assert newest_good(tmp_path, lines.append) is None
    with_checkpoints(tmp_path, 1, 2)
    found = newest_good(tmp_path, lines.append)
    assert found is not None and found[0].step == 2
    assert lines == []


def test_a_damaged_one_is_passed_by_and_said(tmp_path: Path) -> None:
    lines: list[str] = []
    newest = with_checkpoints(tmp_path, 1, 2)[-1]
    (newest / checkpoint.STATE).write_bytes(b"")
    found = newest_good(tmp_path, lines.append)
    assert found is not None and found[0].step == 1
    assert len(lines) == 1 and "step-00000002 is damaged" in lines[0]


def test_one_of_a_later_format_is_not_passed_by(tmp_path: Path) -> None:
    """Going on from the one before would in the end write over it."""
    newest = with_checkpoints(tmp_path, 1, 2)[-1]
    (newest / checkpoint.ABOUT).write_text('{"format": 99}')
    with pytest.raises(checkpoint.LaterFormat, match="step-00000002 has format 99"):
        newest_good(tmp_path, lambda line: None)


def test_some_are_kept_for_good(tmp_path: Path) -> None:
    run = run_in(tmp_path, core_host()[0])
    settings = msgspec.structs.replace(run.recipe.run, steps=6, checkpoint_every=1, keep=1, keep_every=4)
    run.experiment = replace(run.experiment, recipe=msgspec.structs.replace(run.recipe, run=settings))
    train_run(run)
    assert [path.name for path in checkpoint.checkpoints(tmp_path / CHECKPOINTS)] == ["step-00000004", "step-00000006"]


def test_what_plugins_wrote_reaches_the_disk_before_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or after a power cut the journal could end before the checkpoint, and have a gap for good."""
    journal = tmp_path / "journal.jsonl"
    order: list[str] = []
    fsync, saving = os.fsync, checkpoint.save

    def flushed(descriptor: int) -> None:
        order.extend(["journal"] if os.path.samestat(os.fstat(descriptor), journal.stat()) else [])
        fsync(descriptor)

    def save(*args: Any, **kwargs: Any) -> Path:
        order.append("checkpoint")
        return saving(*args, **kwargs)

    journal.write_text("{}")
    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(checkpoint, "save", save)
    save_checkpoint(run_in(tmp_path, core_host()[0]), 1, "")
    assert order == ["journal", "checkpoint"]


def test_all_damaged(tmp_path: Path) -> None:
    for path in with_checkpoints(tmp_path, 1, 2):
        (path / checkpoint.ABOUT).unlink()
    with pytest.raises(RunError, match=r"all 2 checkpoints of .* are damaged; nothing is left"):
        newest_good(tmp_path, lambda line: None)
