"""Plugins good and broken: a broken one costs one line, names itself and its reason, and takes nothing down with it."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from fakes import FAKE_BACKEND, STRIPES, core_host, fakes_plugin, module, raising

from ganforge.backend.contract import BackendEntry
from ganforge.data.contract import DatasetEntry
from ganforge.errors import GanforgeError, PluginError
from ganforge.plugins import discovery, hookspecs
from ganforge.plugins import host as plugins
from ganforge.plugins.host import DEFAULT_PLUGINS, Host, Loaded, new_host
from ganforge.plugins.markers import hookimpl
from ganforge.spec.losses import LossEntry, PenaltyEntry

GOOD = """
import ganforge
from ganforge.recipes.schema import RecipeEntry
from pathlib import Path

@ganforge.hookimpl
def ganforge_recipes():
    return [RecipeEntry(name="{name}", path=Path("{name}.toml"))]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`installed(alpha=source, ...)`: entry points of modules with these sources."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("GANFORGE_PLUGINS", raising=False)
    before = set(sys.modules)

    def install(**sources: str) -> list[EntryPoint]:
        for name, source in sources.items():
            (tmp_path / f"plug_{name}.py").write_text(source)
        return [EntryPoint(name=name, value=f"plug_{name}", group="ganforge") for name in sources]

    yield install
    for name in set(sys.modules) - before:
        if name.startswith("plug_"):
            del sys.modules[name]


def recipes(host: Host) -> set[str]:
    from ganforge.recipes.schema import RecipeEntry

    return set(host.entries("ganforge_recipes", RecipeEntry))


# Loading -------------------------------------------------------------------------------------------------------------


def test_the_default_plugins_all_work() -> None:
    host = new_host((), strict=True)
    assert [each.name for each in host.loaded] == list(DEFAULT_PLUGINS)
    assert all(each.hooks and each.distribution == "ganforge" for each in host.loaded)


def test_a_good_plugin(installed: Any) -> None:
    host = new_host(installed(alpha=GOOD.format(name="hers")))
    assert "hers" in recipes(host)
    assert host.loaded[-1] == Loaded(name="alpha", distribution="", hooks=("ganforge_recipes",))
    assert host.failures == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("raise ValueError('it is Monday')", "ValueError: it is Monday"),
        ("def f(:", "SyntaxError: "),
        ("import sys\nsys.exit('goodbye')", "SystemExit: goodbye"),
        ("raise BaseException('rude')", "BaseException: rude"),
        ("x = 1", "it implements no hook; mark its functions with @ganforge.hookimpl"),
        ("def ganforge_datasets():\n    return ()", "it implements no hook"),  # not marked
        (
            "import ganforge\n@ganforge.hookimpl\ndef ganforge_dataset():\n    return ()",
            "no such hook as 'ganforge_dataset'; did you mean 'ganforge_datasets'",
        ),
        (
            "import ganforge\n@ganforge.hookimpl\ndef ganforge_step_finished(runn):\n    pass",
            "'runn'",
        ),
        ("raise ImportError('one line\\n\\nand   another')", "ImportError: one line and another"),
    ],
    ids=lambda value: value[:30],
)
def test_a_broken_plugin_costs_one_line(
    source: str, said: str, installed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    host = new_host(installed(alpha=GOOD.format(name="first"), beta=source, gamma=GOOD.format(name="last")))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("ganforge: plugin 'beta' is left out: ")
    assert said in lines[0]
    assert {"first", "last"} <= recipes(host)
    assert [failure.plugin for failure in host.failures] == ["beta"]
    assert "beta" not in {each.name for each in host.loaded}
    assert host.manager.get_plugin("beta") is None


def test_a_misspelt_hook_takes_the_rest_of_its_plugin_along(installed: Any) -> None:
    """Half a plugin would be harder to understand than none."""
    source = GOOD.format(name="hers") + "\n@ganforge.hookimpl\ndef ganforge_zebra():\n    pass"
    host = new_host(installed(alpha=source))
    assert "hers" not in recipes(host)


def test_wrong_arguments_take_the_rest_of_its_plugin_along(installed: Any) -> None:
    source = GOOD.format(name="hers") + "\n@ganforge.hookimpl\ndef ganforge_run_started(wrong):\n    pass"
    host = new_host(installed(alpha=source))
    assert "hers" not in recipes(host)


def test_two_misspelt_hooks_are_each_named(installed: Any) -> None:
    """The first one's wrong name is not offered for the second."""
    wrong = "import ganforge\n@ganforge.hookimpl\ndef ganforge_{}():\n    return ()"
    host = new_host(installed(alpha=wrong.format("backendz"), beta=wrong.format("backendy")))
    assert "'ganforge_backendz'; did you mean 'ganforge_backends'" in host.failures[0].reason
    assert "'ganforge_backendy'; did you mean 'ganforge_backends'" in host.failures[1].reason
    assert "backendz" not in host.failures[1].reason


def test_an_optional_hook_of_another_version_is_allowed(installed: Any) -> None:
    optional = "\n@ganforge.hookimpl(optionalhook=True)\ndef ganforge_of_the_future():\n    pass"
    assert "hers" in recipes(new_host(installed(alpha=GOOD.format(name="hers") + optional)))


CLASS = """
import ganforge
class Plugin:
    @ganforge.hookimpl
    def ganforge_datasets(self):
        return ()
instance, nothing = Plugin(), None
"""


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("Plugin", "is the class Plugin; give a module, or an instance of it"),
        ("nothing", "no hook"),
        ("absent", "absent"),
    ],
)
def test_an_entry_point_that_is_no_plugin(attribute: str, said: str, installed: Any) -> None:
    installed(alpha=CLASS)
    host = new_host([EntryPoint(name="alpha", value=f"plug_alpha:{attribute}", group="ganforge")])
    (failure,) = host.failures
    assert said in failure.reason


def test_an_instance_may_be_a_plugin(installed: Any) -> None:
    installed(alpha=CLASS)
    host = new_host([EntryPoint(name="alpha", value="plug_alpha:instance", group="ganforge")])
    assert host.loaded[-1].hooks == ("ganforge_datasets",)


def test_an_interruption_is_the_users_and_names_who_was_at_work(
    installed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        new_host(installed(alpha="raise KeyboardInterrupt"))
    assert capsys.readouterr().err == (
        "ganforge: stopped at the import of plugin 'alpha'; GANFORGE_PLUGINS=-alpha leaves it out\n"
    )


def test_an_error_that_cannot_be_printed(installed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    source = "class Sad(Exception):\n    def __str__(self):\n        raise ValueError\nraise Sad"
    assert new_host(installed(alpha=source)).failures[0].reason.startswith("Sad (")


def test_the_same_module_twice(installed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (entry,) = installed(alpha=GOOD.format(name="hers"))
    host = new_host([entry, EntryPoint(name="beta", value=entry.value, group="ganforge")])
    assert "hers" in recipes(host)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "ganforge: plugin 'beta' is left out: it is plugin 'alpha' once more; remove one entry point"


def test_two_plugins_of_one_name_name_both_distributions() -> None:
    host, lines = core_host(fakes_plugin())
    host.add("fakes_plugin", lambda: module("other", ganforge_datasets=lambda: ()), "other-dist 2.0")
    assert lines == [
        "ganforge: plugin 'fakes_plugin' (other-dist 2.0) is left out: fakes_plugin-dist 1.0 has a plugin of that name "
        "too; uninstall one"
    ]
    assert "stripes" in host.entries("ganforge_datasets", DatasetEntry)


# The environment -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "expected"),
    [(None, {"one", "two"}), ("alpha", {"one"}), (" beta , alpha ", {"one", "two"}), ("", set()), (",", set())],
)
def test_ganforge_plugins_chooses(
    variable: str | None, expected: set[str], installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = installed(alpha=GOOD.format(name="one"), beta=GOOD.format(name="two"))
    if variable is not None:
        monkeypatch.setenv("GANFORGE_PLUGINS", variable)
    assert recipes(new_host(entries)) & {"one", "two"} == expected


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("-alpha", {"two"}), ("-alpha,-beta", set()), ("beta,-alpha", {"two"}), ("beta,-beta", set())],
)
def test_ganforge_plugins_leaves_out(
    variable: str, expected: set[str], installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = installed(alpha=GOOD.format(name="one"), beta=GOOD.format(name="two"))
    monkeypatch.setenv("GANFORGE_PLUGINS", variable)
    assert recipes(new_host(entries)) & {"one", "two"} == expected


def test_a_default_plugin_can_be_left_out(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANFORGE_PLUGINS", "-ganforge.training.observers.tensorboard")
    host = new_host(installed(alpha=GOOD.format(name="one")))
    assert {each.name for each in host.loaded} == {*DEFAULT_PLUGINS, "alpha"} - {
        "ganforge.training.observers.tensorboard"
    }


def test_what_is_not_chosen_is_not_imported(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = installed(alpha=GOOD.format(name="one"), beta="raise ValueError")
    monkeypatch.setenv("GANFORGE_PLUGINS", "alpha")
    assert new_host(entries).failures == []


def test_ganforge_plugins_misspelt(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = installed(alpha=GOOD.format(name="one"))
    monkeypatch.setenv("GANFORGE_PLUGINS", "alhpa")
    with pytest.raises(PluginError, match=r"GANFORGE_PLUGINS names 'alhpa'.* did you mean 'alpha'"):
        new_host(entries)
    monkeypatch.setenv("GANFORGE_PLUGINS", "-alhpa")
    with pytest.raises(PluginError, match=r"GANFORGE_PLUGINS names 'alhpa'.* did you mean 'alpha'"):
        new_host(entries)


@pytest.mark.parametrize("value", [None, "0", "1"])
def test_ganforge_strict(value: str | None, installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = installed(alpha="raise ValueError('Monday')")
    monkeypatch.setattr(discovery, "installed", lambda damaged: entries)
    if value is not None:
        monkeypatch.setenv("GANFORGE_STRICT", value)
    plugins.default_host.cache_clear()
    try:
        if value == "1":
            with pytest.raises(PluginError, match="plugin 'alpha' is broken: ValueError: Monday"):
                plugins.default_host()
        else:
            assert len(plugins.default_host().failures) == 1
    finally:
        plugins.default_host.cache_clear()


# Entries -------------------------------------------------------------------------------------------------------------


def test_entries_by_kind_and_name() -> None:
    host, _ = core_host(fakes_plugin())
    assert host.find("ganforge_backends", BackendEntry, "fake", "backend") is FAKE_BACKEND
    assert host.entries("ganforge_datasets", DatasetEntry)["stripes"].plugin == "fakes_plugin"
    assert "bce" in host.entries("ganforge_losses", LossEntry)
    assert "bce" not in host.entries("ganforge_losses", PenaltyEntry)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["stripes"], "gave 'stripes', which is no DatasetEntry"),
        ([DatasetEntry], "which is no DatasetEntry"),
        ([None], "gave None, which is no DatasetEntry"),
        ([replace(STRIPES, name="My Set")], "the name 'My Set' is not of lower case letters"),
        (None, "'NoneType' object is not iterable"),
    ],
)
def test_a_plugin_that_gives_something_else_is_named_and_left_out(given: object, said: str) -> None:
    host, lines = core_host(fakes_plugin(), module("wrong", ganforge_datasets=lambda: given))
    assert set(host.entries("ganforge_datasets", DatasetEntry)) == {"stripes"}
    assert len(lines) == 1
    assert "plugin 'wrong'" in lines[0]
    assert said in lines[0]


@pytest.mark.parametrize(("name", "said"), [("stirpes", "did you mean 'stripes'"), ("qqqq", "known: stripes")])
def test_an_unknown_name(name: str, said: str) -> None:
    host, _ = core_host(fakes_plugin())
    with pytest.raises(PluginError, match=f"unknown data set '{name}'; {said}"):
        host.find("ganforge_datasets", DatasetEntry, name, "data set")


def test_an_unknown_name_where_none_is_known() -> None:
    with pytest.raises(PluginError, match="unknown backend 'torch'; none is known"):
        core_host()[0].find("ganforge_backends", BackendEntry, "torch", "backend")


def test_an_unknown_name_tells_of_plugins_that_failed() -> None:
    """What is missing may be in what is broken."""
    host, _ = core_host(module("sad"))
    with pytest.raises(
        PluginError, match=r"unknown backend 'x'.*\nplugin 'sad' \(sad-dist 1.0\) is left out: it implem"
    ):
        host.find("ganforge_backends", BackendEntry, "x", "backend")


def test_a_name_clash_names_both_providers() -> None:
    host, _ = core_host(fakes_plugin(), module("other", ganforge_datasets=lambda: (STRIPES,)))
    with pytest.raises(PluginError, match="'stripes' is given by two plugins, 'fakes_plugin' and 'other'"):
        host.entries("ganforge_datasets", DatasetEntry)


@pytest.mark.parametrize(
    "error", [ValueError("Monday"), SystemExit("bye"), BaseException("rude"), GanforgeError("no luck")], ids=repr
)
def test_a_registration_hook_that_raises_drops_its_plugin(error: BaseException) -> None:
    host, lines = core_host(
        module("sad", ganforge_datasets=raising(error), ganforge_backends=lambda: ()), fakes_plugin()
    )
    assert set(host.entries("ganforge_datasets", DatasetEntry)) == {"stripes"}
    (line,) = lines
    assert line.startswith(
        "ganforge: plugin 'sad' (sad-dist 1.0) is left out: "
        f"its ganforge_datasets raised {type(error).__name__}: {error} ("
    )
    assert [each.name for each in host.loaded] == ["fakes_plugin"]
    host.entries("ganforge_backends", BackendEntry)
    host.entries("ganforge_datasets", DatasetEntry)
    assert len(lines) == 1  # it is said once


def test_a_generator_that_breaks_off_gives_nothing() -> None:
    def half() -> Iterator[DatasetEntry]:
        yield STRIPES
        raise ValueError("out of stripes")

    host, lines = core_host(module("half", ganforge_datasets=half))
    assert host.entries("ganforge_datasets", DatasetEntry) == {}
    assert "out of stripes" in lines[0]


@pytest.mark.parametrize("given", [None, 3, STRIPES], ids=lambda given: type(given).__name__)
def test_a_hook_that_gives_no_iterable_drops_its_plugin(given: object) -> None:
    host, lines = core_host(module("sad", ganforge_datasets=lambda: given), fakes_plugin())
    assert set(host.entries("ganforge_datasets", DatasetEntry)) == {"stripes"}
    assert "its ganforge_datasets raised TypeError" in lines[0]


def test_a_strict_host_raises_at_a_hook_that_raises() -> None:
    host, _ = core_host(module("sad", ganforge_datasets=raising(ValueError("Monday"))), strict=True)
    with pytest.raises(PluginError, match="its ganforge_datasets raised ValueError: Monday"):
        host.entries("ganforge_datasets", DatasetEntry)


def test_hooks_by_name() -> None:
    """Each is a promise to other people's plugins: a new one is added here, none goes away."""
    assert [name for name in vars(hookspecs) if name.startswith("ganforge_")] == [
        "ganforge_backends",
        "ganforge_datasets",
        "ganforge_architectures",
        "ganforge_recipes",
        "ganforge_losses",
        "ganforge_extractors",
        "ganforge_layers",
        "ganforge_optimizers",
        "ganforge_commands",
        "ganforge_run_planned",
        "ganforge_run_started",
        "ganforge_step_finished",
        "ganforge_epoch_finished",
        "ganforge_checkpoint_saved",
        "ganforge_step_measured",
        "ganforge_run_finished",
    ]
    assert hookimpl.project_name == "ganforge"


def test_a_warning_that_nobody_reads_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as closed:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", closed)
            new_host([]).warn("heard by nobody")
