"""The loss curve: every value in its place, round numbers at the axes, and journals of all kinds."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import work_in
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import ganforge
from ganforge.cli.main import cli
from ganforge.errors import RunError
from ganforge.generation import loss_curves
from ganforge.generation.loss_curves import draw, running_mean, ticks
from ganforge.training.observers.journal import NAME, read

BLUE, ORANGE = (31, 97, 170), (214, 96, 20)


def where(sheet: Image.Image, color: tuple[int, int, int], rows: slice, columns: slice) -> np.ndarray:
    """Rows and columns of the pixels near a color, within a part of the sheet."""
    part = np.asarray(sheet).astype(int)[rows, columns]
    near = np.argwhere(np.abs(part - color).max(axis=2) < 40)
    return near + np.array([rows.start, columns.start])


PANEL = slice(62, 332)  # of the losses: a line of caption, one of names, then 270 rows
INSIDE = slice(80, 970)


def test_each_line_lies_where_its_values_are() -> None:
    """d_loss falls from 2 to 1, g_loss stays at 0."""
    entries = [{"step": float(step), "d_loss": 2 - step / 100, "g_loss": 0.0} for step in range(0, 101, 10)]
    sheet = draw(entries, "made up")
    high, low = 2.1, -0.1
    for row, column in where(sheet, BLUE, PANEL, INSIDE):
        value = high - (row - PANEL.start) / 270 * (high - low)
        assert value == pytest.approx(2 - (column - 76) / 900, abs=0.03)
    rows = where(sheet, ORANGE, PANEL, INSIDE)[:, 0]
    assert len(rows) > 800
    assert np.allclose(high - (rows - PANEL.start) / 270 * (high - low), 0, atol=0.03)


def test_the_discriminators_logits_have_a_panel_of_their_own() -> None:
    entries = [{"step": step, "d_loss": 1.0, "g_loss": 1.0, "d_real": 3.0, "d_fake": -3.0} for step in (1, 2, 3)]
    both, losses = (
        draw(entries, ""),
        draw([{k: v for k, v in e.items() if "loss" in k or k == "step"} for e in entries], ""),
    )
    assert both.size[0] == losses.size[0] and both.size[1] > 1.8 * losses.size[1]
    below = slice(losses.size[1] + 30, both.size[1] - 40)
    assert where(both, BLUE, below, INSIDE)[:, 0].max() < where(both, ORANGE, below, INSIDE)[:, 0].min()


@pytest.mark.parametrize(
    "values",
    [[0.5], [0.5, 0.5], [1e9, -1e9], [1e-12, 2e-12], [1.0, 1.0 + 1e-15], list(np.linspace(0, 5, 1000))],
    ids=len,
)
def test_any_journal_can_be_drawn(values: list[float]) -> None:
    sheet = draw([{"step": 10 * number + 10, "d_loss": value} for number, value in enumerate(values)], "x")
    assert len(where(sheet, BLUE, PANEL, slice(76, 980))) > 3


def test_many_values_have_their_running_mean_before_them() -> None:
    noise = np.random.default_rng(0).normal(size=1000)
    entries = [{"step": number + 1, "d_loss": 5 + value} for number, value in enumerate(noise)]
    bold = where(draw(entries, ""), BLUE, PANEL, slice(100, 950))
    assert np.ptp(bold[:, 0]) < 90  # of the 270 rows that the values themselves take


def test_nothing_to_draw() -> None:
    for entries in ([], [{"step": 1.0, "other": 2.0}]):
        with pytest.raises(RunError, match="no logged step"):
            draw(entries, "")


@pytest.mark.parametrize(
    "values",
    [
        [float("nan"), 1.0, 2.0],
        [float("-inf"), float("inf"), 1e308, -1e308, 0.5],
        [1e299, -1e299],
        [5e-324, 0.0],
        [1.0, 1.0 + 2**-52],
        [1e16, 1e16],
    ],
)
def test_a_run_that_diverged_is_drawn_as_far_as_it_goes(values: list[float]) -> None:
    entries = [{"step": step + 1.0, "d_loss": value, "g_loss": 0.0} for step, value in enumerate(values)]
    assert len(where(draw(entries, ""), ORANGE, PANEL, INSIDE))


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e6))
def test_ticks_are_round_evenly_spaced_and_inside(low: float, room: float) -> None:
    found = ticks(low, low + room)
    assert 2 <= len(found) <= 8
    step = found[1] - found[0]
    assert f"{step:.3e}"[:5] in ("1.000", "2.000", "5.000")
    assert np.allclose(np.diff(found), step)
    assert low - 1e-6 * room <= found[0] and found[-1] <= low + room + 1e-6 * room


def test_running_mean() -> None:
    assert running_mean(np.array([0.0, 3.0, 6.0, 0.0]), 3).tolist() == [1.5, 3.0, 3.0, 3.0]
    assert running_mean(np.array([1.0, 2.0]), 1).tolist() == [1.0, 2.0]


# The command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch)


def history(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["history", *arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def journal(folder: Path, steps: range, tail: str = "") -> None:
    lines = [json.dumps({"step": step, "d_loss": 1.0 + step, "g_loss": 2.0}) + "\n" for step in steps]
    (folder / NAME).write_text("".join(lines) + tail)


def test_a_run_in_progress_or_interrupted_has_its_curve(place: Path) -> None:
    """Whose last line is only half there."""
    ganforge.train("./r.toml", out="run")
    journal(place / "run", range(2, 12, 2), '{"step": 12, "d_lo')
    assert [entry["step"] for entry in read(place / "run")] == [2, 4, 6, 8, 10]
    assert history("run", "--out", "losses.png") == "losses.png written\n"
    with Image.open("losses.png") as image:
        image.verify()


def test_runs_without_a_curve(place: Path) -> None:
    assert "no run at run" in history("run", "--out", "x.png", code=1)
    ganforge.train("./r.toml", out="run")  # the stand-ins' host has no journal
    assert "has no journal.jsonl yet" in history("run", "--out", "x.png", code=1)
    (place / "run" / NAME).write_text("")
    assert "no logged step" in history("run", "--out", "x.png", code=1)
    assert "must end in .png" in history("run", "--out", "x.jpg", code=2)
    assert not list(place.glob("x.*"))


def test_the_panels_are_those_of_the_contract() -> None:
    logged = {name for panel in loss_curves.PANELS[:2] for name, _ in panel.lines}
    assert logged == {"d_loss", "g_loss", "d_real", "d_fake"}
