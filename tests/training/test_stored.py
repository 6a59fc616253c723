"""Checkpoints of every format that there was: each is read, and its run goes on to where it once came."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import ganforge
from ganforge.training import checkpoint
from ganforge.training.run_folder import CHECKPOINTS

STORED = Path(__file__).resolve().parents[1] / "stored"
FORMATS = range(1, checkpoint.FORMAT + 1)
pytestmark = pytest.mark.filterwarnings("ignore:training.*optimizer.rate is now:FutureWarning")


@pytest.mark.parametrize("number", FORMATS)
def test_a_stored_run_goes_on(number: int, tmp_path: Path) -> None:
    """From step 4 to step 6, in float64, to rounding as on the machine that it was made on."""
    run = Path(shutil.copytree(STORED / f"format-{number}", tmp_path / "run"))
    step_4, step_6 = checkpoint.checkpoints(run / CHECKPOINTS)
    assert json.loads((step_4 / checkpoint.ABOUT).read_bytes())["format"] == number
    about, expected = checkpoint.load(step_6)
    assert about.step == 6
    shutil.rmtree(step_6)
    logged = journal(run)
    ganforge.resume(run)
    state = checkpoint.load(step_6)[1]
    assert list(state) == list(expected)
    started = checkpoint.load(step_4)[1]
    for name, array in expected.items():
        np.testing.assert_allclose(state[name], array, rtol=1e-9, atol=1e-12, err_msg=name)
    assert any((state[name] != started[name]).any() for name in state)
    assert [line["step"] for line in logged] == [1, 2, 3, 4, 5, 6]
    assert journal(run) == [pytest.approx(line, rel=1e-9) for line in logged]


def journal(run: Path) -> list[dict[str, float]]:
    """What was logged; how long it took is another time's."""
    lines = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_a_run_of_before_the_step_was_written_over_ops_goes_on(backend: str, tmp_path: Path) -> None:
    """20 steps in float64, to 1e-11 as the code of that time did them. Both checkpoints are that code's."""
    run = Path(shutil.copytree(STORED / f"before-ops-{backend}", tmp_path / "run"))
    step_10, step_30 = checkpoint.checkpoints(run / CHECKPOINTS)
    expected = checkpoint.load(step_30)[1]
    shutil.rmtree(step_30)
    ganforge.resume(run, backend=backend)
    state, started = checkpoint.load(step_30)[1], checkpoint.load(step_10)[1]
    assert list(state) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(state[name], array, rtol=0, atol=1e-11, err_msg=name)
    assert any((state[name] != started[name]).any() for name in state)


def test_every_format_is_stored() -> None:
    formats = sorted(path.name for path in STORED.iterdir() if path.name.startswith("format-"))
    assert formats == [f"format-{number}" for number in FORMATS]
