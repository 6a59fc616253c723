"""Going on with a run: exactly, elsewhere, further, or not at all."""

import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import (
    FAKE_BACKEND,
    FakeSession,
    Stripes,
    module,
    states_equal,
    use_host,
)

import ganforge
from ganforge._io.locks import alone
from ganforge.errors import RunError
from ganforge.generation.model import Model
from ganforge.plugins import host as plugins
from ganforge.spec.arrays import State
from ganforge.training import checkpoint, resuming
from ganforge.training.run import Run
from ganforge.training.run_folder import CHECKPOINTS, RECIPE


def train(**more: Any) -> Run:
    return ganforge.train("./r.toml", **more)


def state_of(model: Model) -> State:
    return model.session.state()


class Killed(KeyboardInterrupt):
    """A process that ends without a word."""


def killer(at: int, error: BaseException) -> Any:
    def finished(step: int) -> None:
        if step == at:
            raise error

    return module("killer", ganforge_step_finished=finished)


@pytest.fixture
def whole(place: Path) -> Iterator[State]:
    """The state of a run of ten steps that was never stopped."""
    yield state_of(train(out="whole").model)


@pytest.mark.parametrize("at", [1, 3, 4, 5, 9, 10])
def test_a_killed_run_ends_as_one_that_was_not(at: int, whole: State, monkeypatch: pytest.MonkeyPatch) -> None:
    use_host(monkeypatch, killer(at, Killed()))
    with pytest.raises(Killed):
        train(out="killed")
    use_host(monkeypatch)
    run = ganforge.resume("killed")
    assert (run.start, run.step) == ((at - 1) // 4 * 4, 10)
    assert states_equal(state_of(run.model), whole)


def test_an_interrupted_run_has_lost_nothing(whole: State, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = module(
        "asking", ganforge_step_finished=lambda step: signal.raise_signal(signal.SIGINT) if step == 5 else 0
    )
    use_host(monkeypatch, asking)
    stopped = train(out="stopped")
    assert (stopped.interrupted, stopped.step, stopped.saved, stopped.model.step) == (True, 6, 6, 6)
    use_host(monkeypatch)
    run = ganforge.resume("stopped")
    assert run.start == 6
    assert states_equal(state_of(run.model), whole)


def test_more_steps_than_were_asked_for(place: Path, whole: State) -> None:
    short = train(out="short", overrides={"run": {"steps": 3}})
    assert short.step == 3
    run = ganforge.resume("short", steps=10)
    assert states_equal(state_of(run.model), whole)
    assert ganforge.load("short").recipe.run.steps == 10


def test_another_backend_goes_on(place: Path, whole: State, monkeypatch: pytest.MonkeyPatch) -> None:
    train(out="out", overrides={"run": {"steps": 3}})
    use_host(monkeypatch, module("second", ganforge_backends=lambda: (replace(FAKE_BACKEND, name="second"),)))
    run = ganforge.resume("out", backend="second", steps=10)
    assert run.recipe.run.backend == "second"
    assert states_equal(state_of(run.model), whole)


def damage(folder: str, name: str = checkpoint.STATE, newest: int = 1) -> None:
    for path in checkpoint.checkpoints(Path(folder) / CHECKPOINTS)[-newest:]:
        (path / name).write_bytes(b"damaged")


def test_a_damaged_checkpoint_is_passed_by(whole: State, monkeypatch: pytest.MonkeyPatch) -> None:
    damage("whole")
    lines: list[str] = []
    monkeypatch.setattr(plugins.default_host(), "warn", lines.append)
    run = ganforge.resume("whole")
    assert len(lines) == 1
    assert "step-00000010 is damaged" in lines[0]
    assert run.start == 8
    assert states_equal(state_of(run.model), whole)
    assert ganforge.load("whole").step == 10  # written anew


@pytest.mark.parametrize("act", [ganforge.resume, ganforge.load])
def test_all_checkpoints_damaged(act: Any, whole: State) -> None:
    damage("whole", newest=3)
    with pytest.raises(RunError, match="all 3 checkpoints of whole are damaged"):
        act("whole")


def test_nothing_left_to_do(whole: State) -> None:
    for steps in (None, 9, 10):
        with pytest.raises(RunError, match="run whole has done its 10 steps; to continue, give a larger number"):
            ganforge.resume("whole", steps=steps)


@pytest.mark.parametrize("act", [ganforge.resume, ganforge.load])
def test_a_checkpoint_of_another_recipe(act: Any, whole: State) -> None:
    path = Path("whole") / RECIPE
    path.write_text(path.read_text().replace("batch_size = 4", "batch_size = 5"))
    with pytest.raises(RunError, match=r"recipe differ:\n    training.batch_size: 5, 4"):
        act("whole")


def test_settings_of_the_run_itself_may_change(whole: State) -> None:
    path = Path("whole") / RECIPE
    path.write_text(path.read_text().replace("keep = 3", "keep = 1").replace("steps = 10", "steps = 11"))
    ganforge.resume("whole")
    assert len(checkpoint.checkpoints(Path("whole") / CHECKPOINTS)) == 1


@pytest.mark.parametrize(
    ("line", "other"), [("seed = 0", "seed = 7"), ('precision = "float32"', 'precision = "float64"')]
)
def test_settings_that_change_every_number_may_not(line: str, other: str, whole: State) -> None:
    path = Path("whole") / RECIPE
    assert line in path.read_text()
    path.write_text(path.read_text().replace(line, other))
    with pytest.raises(RunError, match=f"run.{line.split()[0]}"):
        ganforge.resume("whole", steps=11)


def test_a_recipe_field_that_is_newer_than_the_checkpoint_has_its_default(whole: State) -> None:
    for path in checkpoint.checkpoints(Path("whole") / CHECKPOINTS):
        about, state = checkpoint.load(path)
        del about.recipe["training"]["order"]
        shutil.rmtree(path)
        checkpoint.save(path.parent, state, about)
    assert ganforge.resume("whole", steps=11).step == 11


def test_a_run_is_trained_by_one_process_alone(whole: State) -> None:
    with alone(Path("whole"), print), pytest.raises(RunError, match="whole is being trained by another process"):
        ganforge.resume("whole", steps=11)
    assert ganforge.resume("whole", steps=11).step == 11


def test_what_is_laid_on_a_typed_recipe(place: Path) -> None:
    run = ganforge.train(ganforge.load_recipe("./r.toml"), overrides={"run": {"steps": 1}}, out="one")
    assert run.step == 1


def test_other_images(place: Path) -> None:
    (place / "there").mkdir()
    train(out="out", data="there", overrides={"run": {"steps": 3}, "data": {"count": 20}})
    (place / "elsewhere").mkdir()
    assert ganforge.resume("out", data="elsewhere", steps=4).step == 4  # the same ones, moved
    text = (place / "out" / RECIPE).read_text()
    (place / "there").rmdir()
    assert "elsewhere" in text


def test_images_that_changed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(out="out", overrides={"run": {"steps": 3}})
    real = Stripes.read
    monkeypatch.setattr(Stripes, "read", lambda self, index: real(self, index) + (index == 7))
    monkeypatch.setattr(Stripes, "fingerprint", "other")
    with pytest.raises(RunError, match="not those that run out was trained on"):
        ganforge.resume("out", steps=5)


@pytest.mark.parametrize("act", [ganforge.resume, ganforge.load])
def test_no_run(act: Any, place: Path) -> None:
    with pytest.raises(RunError, match="there is no run at nowhere"):
        act("nowhere")
    Path("empty").mkdir()
    with pytest.raises(RunError, match="is not the folder of a run"):
        act("empty")


def test_a_run_that_was_killed_before_its_first_checkpoint(
    whole: State, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_host(monkeypatch, killer(2, Killed()))
    with pytest.raises(Killed):
        train(out="early")
    use_host(monkeypatch)
    with pytest.raises(RunError, match="run early has no checkpoint yet"):
        ganforge.load("early")
    Path("early", f".{RECIPE}.4711.partial").write_text("left")
    lines: list[str] = []
    monkeypatch.setattr(plugins.default_host(), "warn", lines.append)
    assert states_equal(state_of(ganforge.resume("early").model), whole)
    assert lines == ["run early was stopped before its first checkpoint; it begins anew"]
    assert list(Path("early").rglob(".*")) == []


def test_a_diverged_run_keeps_its_last_good_checkpoint(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = FakeSession.step
    monkeypatch.setattr(
        FakeSession, "step", lambda self, inputs: real(self, inputs) | ({"d_loss": np.inf} if len(self.fed) > 5 else {})
    )
    with pytest.raises(RunError, match=r"step 6: d_loss = inf\. Training has diverged"):
        train(out="out")
    assert ganforge.load("out").step == 4


def test_workers_are_compared_before_a_resume_writes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = train(out="run").folder
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def refuse(*facts: Any, **more: Any) -> None:
        raise RunError("worker 1 of 2 has another recipe than worker 0")

    monkeypatch.setattr(resuming, "check_same_inputs", refuse)
    with pytest.raises(RunError, match="worker 1 of 2"):
        ganforge.resume(folder, steps=1000)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
