"""Journal, snapshots and progress, told of a run's events by hand, or beside a run of the stand-ins."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import use_host, work_in
from PIL import Image

import ganforge
from ganforge.errors import RunError, WriteError
from ganforge.training.observers import journal, progress, snapshots


@dataclass
class FakeRun:
    folder: Path
    start: int = 0
    step: int = 0
    saved: int = 0
    stop: int = 10
    seconds: float = 1.25
    images_taken: int = 16
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


@pytest.mark.parametrize(
    "line",
    [
        *(
            "[1]",
            "3",
            "",
            "[" * 5000,
            '{"d_loss": 1}',
            '{"step": 0}',
            '{"step": true}',
            '{"step": "1"}',
            '{"step": 1e999}',
        ),
        *(
            '{"step": 2, "x": "a"}',
            '{"step": 2, "x": [1]}',
            '{"step": ' + "9" * 30 + "}",
            '{"step": ' + "9" * 5000 + "}",
        ),
    ],
)
def test_a_line_that_is_none_of_a_journal_is_left_out(line: str, tmp_path: Path) -> None:
    text = f'{{"step": 1, "d_loss": NaN}}\n{line}\n{{"step": 2, "d_loss": 0.5}}\n'
    (tmp_path / journal.NAME).write_text(text)
    assert [entry["step"] for entry in journal.read(tmp_path)] == [1, 2]
    run = FakeRun(tmp_path)
    run.start = 1
    journal.ganforge_run_started(run)
    assert [entry["step"] for entry in journal.read(tmp_path)] == [1]


def test_a_journal_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"journal\.jsonl cannot be written"):
        journal.ganforge_step_finished(FakeRun(tmp_path / "gone"), 2, {"d_loss": 0.5})


def test_a_quiet_run_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = FakeRun(tmp_path, quiet=True)
    progress.ganforge_run_started(run)
    progress.ganforge_step_finished(run, 2, {"d_loss": 0.5})
    progress.ganforge_epoch_finished(run, 1, {"d_loss": 0.5}, 2)
    progress.ganforge_run_finished(run, None)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (WriteError("no room"), "stopped after step 7, saved up to step 4; once there is room, go on with"),
        (KeyboardInterrupt(), "stopped after step 7, saved up to step 4; go on with"),
        (RunError("diverged"), ""),
    ],
)
def test_a_run_that_was_stopped_says_how_to_go_on(
    error: BaseException, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_introduce", lambda console, run: None)
    run = FakeRun(tmp_path, step=7, stop=9, saved=4)
    progress.ganforge_run_started(run)
    progress.ganforge_run_finished(run, error)
    lines = capsys.readouterr().out.splitlines()
    assert [*lines, ""][0] == said
    assert not said or lines[1] == f"    ganforge resume {tmp_path}"


# Beside a run: twenty stripes of three classes, batches of 4, two of them a step --------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch)


def said_by(capsys: pytest.CaptureFixture[str], start: str) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(start)]


def test_every_epoch_ends_with_its_means_and_the_time(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five batches an epoch: it ends within step 3, with 5, within 8 and with 10; none but 10 is logged."""
    monkeypatch.setattr(progress, "SHORT", 0.0)
    use_host(monkeypatch).add("progress", lambda: progress)
    recipe = ganforge.load_recipe("./r.toml", overrides={"run": {"log_every": 50}})
    ganforge.train(recipe, out="run", quiet=False)
    assert said_by(capsys, "epoch ") == [
        f"epoch {number} done: d_loss 1.500  g_loss 0.250 (means of {steps} steps)  0:00:00"
        for number, steps in ((1, 3), (2, 2), (3, 3), (4, 2))
    ]


def epochs_of(seconds: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[int]:
    """Of a hundred epochs that take `seconds` each, those that have a line."""
    monkeypatch.setattr(progress, "_introduce", lambda console, run: None)
    run = FakeRun(Path("r"))
    progress.ganforge_run_started(run)
    for epoch in range(1, 101):
        run.seconds = epoch * seconds
        progress.ganforge_epoch_finished(run, epoch, {"d_loss": 2.0, "d_real": 3.0, "g_loss": -1.0}, 4)
    progress.ganforge_run_finished(run, KeyboardInterrupt())
    return [int(line.split()[1]) for line in said_by(capsys, "epoch ")]


def test_epochs_of_a_second_are_all_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As those of 300 images are, four steps each, which no logged step may fall into."""
    assert epochs_of(0.9, monkeypatch, capsys) == list(range(1, 101))


def test_of_epochs_that_fly_by_some_are_said_and_the_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert epochs_of(0.375, monkeypatch, capsys) == [1, 28, 55, 82, 100]
    assert epochs_of(0.125, monkeypatch, capsys) == [1, 81, 100]
    assert epochs_of(0.001, monkeypatch, capsys) == [1, 100]


def test_the_line_of_an_epoch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "_introduce", lambda console, run: None)
    run = FakeRun(Path("r"), seconds=3723.4)
    progress.ganforge_run_started(run)
    progress.ganforge_epoch_finished(run, 1234, {"d_loss": 2.0, "d_real": 3.0, "g_loss": -1.0}, 1)
    progress.ganforge_run_finished(run, None)
    assert said_by(capsys, "epoch ") == ["epoch 1,234 done: d_loss 2.000  g_loss -1.000 (means of 1 step)  1:02:03"]


def test_real_images_lie_beside_the_samples_class_by_class(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_host(monkeypatch).add("snapshots", lambda: snapshots)
    run = ganforge.train("./r.toml", out="run")
    path = run.folder / "samples" / "real.png"
    with Image.open(path) as real, Image.open(run.folder / "samples" / "step-00000010.png") as made:
        assert real.size == made.size
    for label, (of, pictures) in enumerate(snapshots.real_images(run)):
        assert of == label
        assert pictures.shape == (10, 8, 8, 1)
        numbers = {int(image[0, 0, 0]) // 7 for image in pictures}
        assert {number % 3 for number in numbers} == {label}
        assert len(numbers) >= 6  # all that there are of twenty

    path.write_bytes(b"kept")
    ganforge.resume("run", steps=12)
    assert path.read_bytes() == b"kept"


def test_real_images_of_an_unconditional_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_host(monkeypatch).add("snapshots", lambda: snapshots)
    run = ganforge.train("./r.toml", out="run", overrides={"conditional": False, "run": {"steps": 2}})
    ((label, pictures),) = snapshots.real_images(run)
    assert label is None
    assert pictures.shape == (64, 8, 8, 1)
    assert len({image.tobytes() for image in pictures}) == 20


def test_a_class_without_images_has_no_row(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_host(monkeypatch).add("snapshots", lambda: snapshots)
    run = ganforge.train("./r.toml", out="run", overrides={"data": {"count": 4}, "run": {"steps": 1}})
    assert run.data.labels is not None
    run.experiment = replace(run.experiment, data=replace(run.data, labels=np.array([0, 2, 2, 0])))
    assert [label for label, _ in snapshots.real_images(run)] == [0, 2]
