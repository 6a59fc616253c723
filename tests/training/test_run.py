"""A run's folder and what happens beside the steps: numbers, damage, signals, events."""

import errno
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from fake_runs import recipe, run_in
from fakes import FakeSession, core_host, module, recorder

from ganforge.errors import DataError, RunError
from ganforge.recipes.completing import steps_in_all
from ganforge.recipes.differences import differences
from ganforge.recipes.tables import to_table
from ganforge.training import checkpoint
from ganforge.training.run import Run
from ganforge.training.run_folder import CHECKPOINTS, RECIPE, check_folder_free, new_folder, read_recipe, write_recipe
from ganforge.training.train_run import train_run


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before = [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)] == before


# Going ---------------------------------------------------------------------------------------------------------------


def test_events_in_order(tmp_path: Path) -> None:
    log: list[tuple[str, Any]] = []
    run = run_in(tmp_path, core_host(recorder(log))[0])
    train_run(run)
    assert [(kind, what[0] if kind == "step" else what) for kind, what in log] == [
        ("started", 0),
        ("step", 1),
        ("step", 2),
        ("step", 3),
        ("saved", "step-00000003"),
        ("step", 4),
        ("step", 5),
        ("step", 6),
        ("saved", "step-00000006"),
        ("finished", None),
    ]
    scalars = {what[0]: what[1] for kind, what in log if kind == "step"}
    assert {step for step, values in scalars.items() if values is not None} == {2, 4, 6}
    assert scalars[2] == {"d_loss": 1.5, "g_loss": 0.25}
    assert run.step == 6


def test_a_checkpoint_holds_the_state_the_recipe_and_the_time(tmp_path: Path) -> None:
    run = run_in(tmp_path, core_host()[0], seconds_before=1000.0)
    train_run(run)
    about, state = checkpoint.load(tmp_path / CHECKPOINTS / "step-00000006")
    assert (about.step, about.recipe) == (6, to_table(run.recipe))
    assert 1000 < about.seconds < 1100
    expected = run.model.session.state()
    assert all((state[name] == expected[name]).all() for name in expected)


def test_a_run_gives_images_as_its_model_does() -> None:
    run = run_in(Path(), core_host()[0])
    assert run.sample(3).shape == (3, 8, 8, 1)
    assert (run.sample(3) == run.model.sample(3)).all()


def test_counts() -> None:
    run = run_in(Path(), core_host()[0])
    run.step = 5
    assert run.images_taken == 20
    assert run.epoch == 2.5  # of two batches each: the two images left over are dropped


def test_counts_where_the_last_batch_is_kept() -> None:
    run = run_in(Path(), core_host()[0])
    training = msgspec.structs.replace(run.recipe.training, keep_last=True)
    run.experiment = replace(run.experiment, recipe=msgspec.structs.replace(run.recipe, training=training))
    counted = []
    for run.step in range(5):
        counted.append((run.images_taken, round(run.epoch, 3)))
    assert counted == [(0, 0.0), (4, 0.333), (8, 0.667), (10, 1.0), (14, 1.333)]


def test_epochs_are_told_with_their_means_and_end_at_a_whole_one(tmp_path: Path) -> None:
    told: list[Any] = []

    def epoch(run: Run, epoch: int, means: Any, steps: int) -> None:
        told.append((run.step, run.epoch, epoch, means, steps))

    train_run(run_in(tmp_path, core_host(module("epochs", ganforge_epoch_finished=epoch))[0]))
    means = {"d_loss": 1.5, "g_loss": 0.25}
    assert told == [(2, 1.0, 1, means, 2), (4, 2.0, 2, means, 2), (6, 3.0, 3, means, 2)]


@pytest.mark.parametrize("updates", [1, 2])
def test_a_run_of_so_many_epochs_ends_at_that_epoch(updates: int) -> None:
    run = run_in(Path(), core_host()[0])
    training = msgspec.structs.replace(
        run.recipe.training, discriminator=msgspec.structs.replace(run.recipe.training.discriminator, updates=updates)
    )
    recipe = msgspec.structs.replace(run.recipe.with_run(steps=None, epochs=6), training=training)
    run.experiment = replace(run.experiment, recipe=recipe)
    run.step = steps_in_all(run.recipe, len(run.data.images))
    assert run.epoch == 6.0


def test_divergence_ends_the_run_and_is_told(tmp_path: Path) -> None:
    log: list[tuple[str, Any]] = []
    run = run_in(tmp_path, core_host(recorder(log))[0], diverges=7)
    with pytest.raises(RunError, match="step 4: d_loss = nan") as raised:
        train_run(run)
    assert log[-1] == ("finished", raised.value)
    assert [path.name for path in checkpoint.checkpoints(tmp_path / CHECKPOINTS)] == ["step-00000003"]


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    """Though the losses still are."""
    run = run_in(tmp_path, core_host()[0])
    session = run.model.session
    assert isinstance(session, FakeSession)
    session.arrays["generator/00_join_label/never"] = np.array([1.0, np.inf])
    with pytest.raises(RunError, match=r"step 3: generator/00_join_label/never holds values that are not finite"):
        train_run(run)
    assert not (tmp_path / CHECKPOINTS).exists()


def asking(number: int, at: int) -> Any:
    """A plugin in whose event a signal arrives, as it may at any moment."""

    def finished(step: int) -> None:
        if step == at:
            signal.raise_signal(number)

    return module("asking", ganforge_step_finished=finished)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_and_saves(number: int, tmp_path: Path) -> None:
    log: list[tuple[str, Any]] = []
    run = run_in(tmp_path, core_host(recorder(log), asking(number, at=1))[0])
    train_run(run)
    assert run.interrupted and "interrupted" in repr(run)
    assert [what for kind, what in log if kind == "saved"] == ["step-00000002"]
    assert isinstance(log[-1][1], KeyboardInterrupt)
    assert checkpoint.load(tmp_path / CHECKPOINTS / "step-00000002")[0].step == 2


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    def twice(step: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_run(run_in(tmp_path, core_host(module("twice", ganforge_step_finished=twice))[0]))
    assert not (tmp_path / CHECKPOINTS).exists()


def test_a_signal_in_the_last_step_is_no_interruption(tmp_path: Path) -> None:
    run = run_in(tmp_path, core_host(asking(signal.SIGINT, at=6))[0])
    train_run(run)
    assert run.step == 6


def test_a_run_in_another_thread(tmp_path: Path) -> None:
    """Where Python lets nobody handle signals."""
    run = run_in(tmp_path, core_host()[0])
    thread = threading.Thread(target=train_run, args=[run])
    thread.start()
    thread.join(timeout=60)
    assert run.step == 6


def test_a_plugin_that_breaks_does_not_end_the_run(tmp_path: Path) -> None:
    def sad(run: Run) -> None:
        raise ValueError("Monday")

    host, lines = core_host(module("sad", ganforge_run_started=sad, ganforge_step_finished=sad))
    run = run_in(tmp_path, host)
    train_run(run)
    assert run.step == 6
    (line,) = lines
    assert line.startswith(
        "ganforge: plugin 'sad' (sad-dist 1.0) is left out: its ganforge_run_started raised ValueError: Monday ("
    )


@pytest.mark.parametrize("hook", ["ganforge_run_started", "ganforge_step_finished", "ganforge_checkpoint_saved"])
def test_a_plugin_that_knows_what_it_does_ends_the_run(hook: str, tmp_path: Path) -> None:
    def full(run: Run) -> None:
        raise DataError("disk full")

    log: list[tuple[str, Any]] = []
    run = run_in(tmp_path, core_host(recorder(log), module("full", **{hook: full}))[0])
    with pytest.raises(DataError, match="disk full") as raised:
        train_run(run)
    assert log[-1] == ("finished", raised.value)


def test_a_full_disk_ends_the_run_with_its_checkpoint_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[tuple[str, Any]] = []
    run = run_in(tmp_path, core_host(recorder(log), module("breaker", ganforge_checkpoint_saved=lambda: fill()))[0])

    def fill() -> None:
        def no_room(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", no_room)

    with pytest.raises(RunError, match="step-00000006 cannot be written: No space left"):
        train_run(run)
    assert checkpoint.load(tmp_path / CHECKPOINTS / "step-00000003")[0].step == 3
    assert [path.name for path in (tmp_path / CHECKPOINTS).iterdir()] == ["step-00000003"]


# Folders -------------------------------------------------------------------------------------------------------------


def test_numbered_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert new_folder(recipe().with_run(backend="torch"), None) == Path("runs/00000-x-torch")
    assert new_folder(recipe(name="my own").with_run(backend="fake"), None) == Path("runs/00001-my own-fake")
    (tmp_path / "runs" / "00041-old").mkdir()
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "runs" / "00007-x").write_text("a file counts too")
    assert new_folder(recipe().with_run(backend="torch"), None).name == "00042-x-torch"


def test_a_number_that_another_process_took_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looked before the other made its folder."""
    monkeypatch.chdir(tmp_path)
    listed = Path.iterdir

    def behind(self: Path) -> Iterator[Path]:
        found = list(listed(self))
        (tmp_path / "runs" / "00000-other-torch").mkdir(exist_ok=True)
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", behind)
    assert new_folder(recipe().with_run(backend="torch"), None) == Path("runs/00001-x-torch")


def test_out_is_the_folder_itself(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "inside"
    assert new_folder(recipe().with_run(backend="torch"), out) == out
    assert out.is_dir()
    assert new_folder(recipe().with_run(backend="torch"), out) == out  # still empty


def test_what_a_process_was_about_to_write_when_it_was_killed_takes_no_folder(tmp_path: Path) -> None:
    (tmp_path / f".{RECIPE}.4711.partial").write_text("name = ")
    check_folder_free(tmp_path)
    (tmp_path / RECIPE).write_text("")
    with pytest.raises(RunError, match="already exists"):
        check_folder_free(tmp_path)


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_out_is_taken(taken: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    if taken == "folder":
        out.mkdir()
        (out / "something").write_text("mine")
    else:
        out.write_text("mine")
    for refuse in (lambda: new_folder(recipe().with_run(backend="torch"), out), lambda: check_folder_free(out)):
        with pytest.raises(RunError, match=f"already exists; .*ganforge resume {out}"):
            refuse()
    left = out if taken == "file" else out / "something"
    assert left.read_text() == "mine"


def test_no_folder_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").write_text("a file")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="no folder for the run can be made: "):
        new_folder(recipe().with_run(backend="torch"), None)
    with pytest.raises(RunError, match=r"no folder for the run can be made: |cannot be read"):
        new_folder(recipe().with_run(backend="torch"), tmp_path / "runs" / "below")


# The recipe ----------------------------------------------------------------------------------------------------------


def test_the_recipe_comes_back(tmp_path: Path) -> None:
    given = recipe(conditional=True, class_names=["ä", "b"], image_size="9x12", data={"set": "d", "own": [1, 2]})
    write_recipe(tmp_path, given)
    assert read_recipe(tmp_path) == given


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no run at .*none"):
        read_recipe(tmp_path / "none")
    with pytest.raises(RunError, match=r"is not the folder of a run: it has no recipe.toml"):
        read_recipe(tmp_path)
    (tmp_path / RECIPE).mkdir()
    with pytest.raises(RunError, match=r"recipe.toml cannot be read"):
        read_recipe(tmp_path)


def test_a_damaged_recipe_is_a_run_error_or_still_a_recipe(tmp_path: Path) -> None:
    write_recipe(tmp_path, recipe())
    content = (tmp_path / RECIPE).read_bytes()
    refused = 0
    for place in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        (tmp_path / RECIPE).write_bytes(damaged)
        try:
            read_recipe(tmp_path)
        except RunError as error:
            assert "recipe.toml cannot be read" in str(error)
            refused += 1
    assert refused > len(content) / 6  # half of those that were tried


def test_differences() -> None:
    ours = {"name": "x", "training": {"batch_size": 64, "latent": {"size": 3}}, "run": {"steps": 1}, "same": [1]}
    theirs = {"name": "y", "training": {"batch_size": 32, "latent": {"size": 3}}, "run": {"steps": 2}, "same": [1]}
    assert differences(ours, theirs) == ["name: 'x', 'y'", "training.batch_size: 64, 32"]
    assert differences({"a": {"run": 1}}, {"a": {"run": 2}}) == ["a.run: 1, 2"]  # only the top [run] is left out
    assert differences({"a": {"b": 1}}, {}) == ["a: {'b': 1}, None"]
    assert differences(ours, ours) == []
