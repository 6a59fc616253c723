"""Callbacks of a run: functions and objects that a caller of `train` or `resume` gives."""

from pathlib import Path
from typing import Any

import pytest
from fakes import recorder, use_host, work_in

import ganforge
from ganforge.errors import GanforgeError
from ganforge.training.run import Run


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch)


class Log:
    """Writes down every event."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def run_started(self, run: Run) -> None:
        self.lines.append(("started", run.step))

    def step_finished(self, run: Run, step: int, scalars: Any) -> None:
        self.lines.append(("step", step, scalars is not None))

    def epoch_finished(self, run: Run, epoch: int, means: Any, steps: int) -> None:
        self.lines.append(("epoch", epoch, sorted(means), steps))

    def checkpoint_saved(self, run: Run, path: Path) -> None:
        self.lines.append(("saved", path.name))

    def run_finished(self, run: Run, error: BaseException | None) -> None:
        self.lines.append(("finished", error))


def test_an_object_is_told_of_every_event_as_a_plugin_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    use_host(monkeypatch, recorder(told))
    log = Log()
    ganforge.train("./r.toml", callbacks=[log])
    assert log.lines[0] == ("started", 0)
    assert [line for line in log.lines if line[0] == "step"] == [("step", n, n % 2 == 0) for n in range(1, 11)]
    assert ("epoch", 1, ["d_loss", "g_loss"], 3) in log.lines
    assert [line[1] for line in log.lines if line[0] == "saved"] == [what for kind, what in told if kind == "saved"]
    assert log.lines[-1] == ("finished", None)


def test_a_function_is_told_of_steps_and_an_object_of_what_it_has() -> None:
    steps: list[int] = []

    class Ends:
        def run_finished(self, run: Run, error: BaseException | None) -> None:
            steps.append(-1)

    ganforge.train("./r.toml", callbacks=[lambda run, step, scalars: steps.append(step), Ends()])
    assert steps == [*range(1, 11), -1]


def test_a_callback_belongs_to_one_run() -> None:
    log = Log()
    ganforge.train("./r.toml", callbacks=[log], out="one", steps=4)
    seen = len(log.lines)
    ganforge.train("./r.toml", out="two", steps=4)
    assert len(log.lines) == seen
    ganforge.resume("one", steps=6, callbacks=[log])
    assert ("started", 4) in log.lines[seen:]


def test_an_exception_stops_the_run_with_its_traceback() -> None:
    def fail(run: Run, step: int, scalars: Any) -> None:
        if step == 6:
            raise ZeroDivisionError("mine")

    log = Log()
    with pytest.raises(ZeroDivisionError, match="mine") as raised:
        ganforge.train("./r.toml", callbacks=[fail, log], out="out")
    assert raised.traceback[-1].name == "fail"
    assert log.lines[-1] == ("finished", raised.value)
    assert ganforge.load("out").step == 4, "the checkpoint before stays"


@pytest.mark.parametrize(
    ("callback", "said"),
    [
        (Log, "is a class; give an object of it: Log"),
        (object(), "is no callback.*run_started, step_finished"),
        (lambda step: None, "must take .run, step, scalars.: too many"),
        (3, "is no callback"),
    ],
)
def test_what_is_no_callback(callback: object, said: str, place: Path) -> None:
    with pytest.raises(GanforgeError, match=said):
        ganforge.train("./r.toml", callbacks=[callback])
    assert not (place / "runs").exists()


@pytest.mark.parametrize("given", [Log(), print, "log"], ids=["object", "function", "text"])
def test_callbacks_are_a_list(given: Any, place: Path) -> None:
    with pytest.raises(GanforgeError, match=r"callbacks takes a list, as callbacks=\[log\]"):
        ganforge.train("./r.toml", callbacks=given)
    assert not (place / "runs").exists()
