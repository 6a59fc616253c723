"""Plugins that are told of a run: one that raises is switched off, one that is slow is named."""

import threading
from time import monotonic, sleep
from typing import Any

import pytest
from fakes import core_host, fakes_plugin, module

from ganforge.data.contract import DatasetEntry
from ganforge.errors import DataError, PluginError
from ganforge.plugins import host as plugins
from ganforge.plugins import new_host, slow_plugins


def listener(name: str, log: list[Any], error: BaseException | None = None) -> Any:
    def finished(step: int, run: object) -> None:
        log.append((name, step))
        if error is not None:
            raise error

    return module(name, ganforge_step_finished=finished)


def test_an_event_reaches_every_plugin_with_what_it_asks_for() -> None:
    log: list[Any] = []
    host, _ = core_host(listener("one", log), listener("two", log))
    host.event("ganforge_step_finished", run=None, step=3, scalars=None)
    assert sorted(log) == [("one", 3), ("two", 3)]


@pytest.mark.parametrize("error", [ValueError("Monday"), SystemExit(3), BaseException("rude")], ids=repr)
def test_a_plugin_that_raises_in_an_event_is_named_and_switched_off(error: BaseException) -> None:
    log: list[Any] = []
    host, lines = core_host(listener("one", log), listener("sad", log, error), listener("two", log))
    for step in (1, 2):
        host.event("ganforge_step_finished", run=None, step=step, scalars=None)
    assert sorted(log) == [("one", 1), ("one", 2), ("sad", 1), ("two", 1), ("two", 2)]
    (line,) = lines
    assert line.startswith(
        "ganforge: plugin 'sad' (sad-dist 1.0) is left out: "
        f"its ganforge_step_finished raised {type(error).__name__}: {error} ("
    )
    assert {each.name for each in host.loaded} == {"one", "two"}


@pytest.mark.parametrize("error", [DataError("disk full"), KeyboardInterrupt()], ids=repr)
def test_what_stops_a_run(error: BaseException) -> None:
    host, lines = core_host(listener("sad", [], error))
    with pytest.raises(type(error)):
        host.event("ganforge_step_finished", run=None, step=1, scalars=None)
    assert lines == []


def test_a_plugin_cannot_stop_the_tool_while_commands_are_added() -> None:
    added: list[str] = []
    host, lines = core_host(
        module("sad", ganforge_commands=lambda cli: fail(DataError("no luck"))),
        module("good", ganforge_commands=lambda cli: cli.append("mine")),
    )
    host.extend("ganforge_commands", cli=added)
    assert added == ["mine"]
    (line,) = lines
    assert line.startswith(
        "ganforge: plugin 'sad' (sad-dist 1.0) is left out: its ganforge_commands raised DataError: no luck ("
    )


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("hook", ["ganforge_step_finished", "ganforge_datasets", "the import"])
def test_who_takes_too_long_is_named_while_it_does(hook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_SECONDS_TO_LOAD", 0.01)
    monkeypatch.setattr(plugins, "_SECONDS_FOR_EVENT", 0.01)
    monkeypatch.setattr(slow_plugins, "_INTERVAL", 0.01)
    host, lines = core_host(fakes_plugin())
    asked: list[bool] = []

    def of_it() -> list[str]:  # on a busy machine the others take that long too
        return [line for line in lines if "'slow'" in line]

    def slow() -> tuple[()]:
        end = monotonic() + 30
        while not of_it() and monotonic() < end:
            sleep(0.005)
        asked.append(bool(of_it()))
        return ()

    if hook == "the import":
        host.add("slow", lambda: (slow(), module("slow", ganforge_datasets=lambda: ()))[1], "slow-dist 1.0")
    else:
        host.add("slow", lambda: module("slow", **{hook: slow}), "slow-dist 1.0")
    if hook == "ganforge_step_finished":
        host.event(hook, run=None, step=1, scalars=None)
    host.entries("ganforge_datasets", DatasetEntry)
    assert asked == [True]
    assert of_it() == [
        f"ganforge: {hook} of plugin 'slow' (slow-dist 1.0) has taken more than 0.01 s, and all else waits for it; "
        "GANFORGE_PLUGINS=-slow leaves it out"
    ]
    assert "slow" in {each.name for each in host.loaded}


def test_each_that_takes_too_long_in_one_event_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_SECONDS_FOR_EVENT", 0.01)
    monkeypatch.setattr(slow_plugins, "_INTERVAL", 0.01)
    host, lines = core_host()

    def slow(name: str) -> Any:
        def finished(step: int) -> None:
            end = monotonic() + 30
            while not any(name in line for line in lines) and monotonic() < end:
                sleep(0.005)

        return module(name, ganforge_step_finished=finished)

    for name in ("slow-one", "slow-two"):
        host.add(name, lambda name=name: slow(name), f"{name}-dist 1.0")  # type: ignore[misc]
    host.event("ganforge_step_finished", run=None, step=1, scalars=None)
    for name in ("slow-one", "slow-two"):
        assert any(f"ganforge_step_finished of plugin '{name}' ({name}-dist 1.0) has taken" in line for line in lines)


def test_a_strict_host_stops_at_any_error_of_a_plugin() -> None:
    host, _ = core_host(listener("sad", [], ValueError("Monday")), strict=True)
    with pytest.raises(PluginError, match="Monday"):
        host.event("ganforge_step_finished", run=None, step=1, scalars=None)


def test_one_thread_names_slow_plugins_of_all_hosts() -> None:
    list(new_host([]).entries("ganforge_datasets", DatasetEntry))
    before = threading.active_count()
    for _ in range(5):
        list(new_host([]).entries("ganforge_datasets", DatasetEntry))
    assert threading.active_count() <= before


def test_what_ended_in_time_is_never_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_plugins, "_INTERVAL", 0.01)
    said: list[str] = []
    with slow_plugins.SlowWork(0.2, lambda: said.append("early")):
        pass
    with pytest.raises(KeyError), slow_plugins.SlowWork(0.2, lambda: said.append("raised")):
        raise KeyError
    with slow_plugins.SlowWork(0.0, lambda: said.append("late")) as late:
        for count in (1, 2):
            end = monotonic() + 30
            while len(said) < count and monotonic() < end:
                sleep(0.01)
            sleep(0.3)
            assert said == ["late"] * count, "each piece once"
            before = late.deadline
            late.restart()
            assert late.deadline > before
