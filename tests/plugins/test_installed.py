"""Plugins installed as a user's are, through the command line: whatever one does, the tool works on and names it."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import work_in
from processes import STAND_INS, ended, install, python, wait_until

EVENTS = """
import ganforge

@ganforge.hookimpl
def ganforge_step_finished(step):
    if step == 4:
        {deed}
"""
TRAIN = ("-m", "ganforge", "train", "--recipe", "./r.toml", "--out", "mine")
WITHOUT = "-ganforge.training.observers.watch,-ganforge.training.observers.tensorboard"
"""They ask more of a session than the stand-in has."""
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed plugins: the stand-ins."""
    work_in(tmp_path, monkeypatch)
    install(tmp_path / "site", "stand-ins", STAND_INS)
    return tmp_path / "site"


@pytest.fixture
def command(site: Path) -> Command:
    """Runs Python with these plugins alone."""

    def run(*arguments: str, plugins: str) -> tuple[int, str, str]:
        return ended(python(*arguments, site=site, GANFORGE_PLUGINS=f"{plugins},{WITHOUT}"))

    return run


def steps() -> list[int]:
    return [json.loads(line)["step"] for line in Path("mine/journal.jsonl").read_text().splitlines()]


def test_one_that_raises_in_the_middle_of_a_run(site: Path, command: Command) -> None:
    install(site, "sad", EVENTS.format(deed="raise ValueError('it is Monday')"))
    code, _, err = command(*TRAIN, plugins="stand-ins,sad")
    assert code == 0
    assert err.splitlines() == [
        "ganforge: plugin 'sad' (dist-sad 1.0) is left out: its ganforge_step_finished raised ValueError: it is Monday "
        f"({site / 'plug_sad.py'}:7)"
    ]
    assert steps() == [2, 4, 6, 8, 10]
    assert Path("mine/checkpoints/step-00000010").is_dir()


def test_one_that_asks_to_stop(site: Path, command: Command) -> None:
    install(site, "wise", EVENTS.format(deed="raise ganforge.GanforgeError('step 4: enough')"))
    code, _, err = command(*TRAIN, plugins="stand-ins,wise")
    assert (code, err) == (1, "Error: step 4: enough\n")


def test_listed_with_the_reason(site: Path, command: Command) -> None:
    install(site, "sad", "import nowhere_to_be_found")
    install(site, "gone", "import sys\nsys.exit('goodbye')")
    install(site, "taker", COMMAND.format(name="train"))
    code, out, err = command("-m", "ganforge", "plugins", "--json", plugins="stand-ins,sad,gone,taker")
    assert code == 0
    rows = json.loads(out)
    reasons = {each["plugin"]: each["reason"] for each in rows}
    assert {each["plugin"] for each in rows if each["loaded"]} == {each for each in reasons if reasons[each] is None}
    assert reasons["stand-ins"] is None
    assert reasons["sad"] == (f"ModuleNotFoundError: No module named 'nowhere_to_be_found' ({site / 'plug_sad.py'}:1)")
    assert reasons["gone"] == f"SystemExit: goodbye ({site / 'plug_gone.py'}:2)"
    assert "there is a command 'train' already" in reasons["taker"]
    assert [line.split()[2] for line in err.splitlines()] == ["'gone'", "'sad'", "'taker'"]


def test_a_typing_error_names_its_line(site: Path, command: Command) -> None:
    install(site, "sad", "import ganforge\ndef (")
    _, out, _ = command("-m", "ganforge", "plugins", "--json", plugins="stand-ins,sad")
    (reason,) = [each["reason"] for each in json.loads(out) if each["plugin"] == "sad"]
    assert reason.startswith("SyntaxError: ") and reason.endswith(f" ({site / 'plug_sad.py'}:2)")


@pytest.mark.parametrize("strict", ["0", "1"])
def test_strict_shows_the_traceback(strict: str, site: Path) -> None:
    install(site, "sad", "def load():\n    raise ValueError('it is Monday')\nload()")
    environment = {"GANFORGE_PLUGINS": f"stand-ins,sad,{WITHOUT}", "GANFORGE_STRICT": strict}
    code, _, err = ended(python("-m", "ganforge", "plugins", site=site, **environment))
    assert code == int(strict)
    assert f"ValueError: it is Monday ({site / 'plug_sad.py'}:2)" in err
    assert ("line 3, in <module>" in err) == (strict == "1")
    assert err.count("Traceback") == int(strict)


COMMAND = """
import click
import ganforge

@ganforge.hookimpl
def ganforge_commands(cli):
    cli.add_command(click.Command("{name}", callback=lambda: click.echo("mine")))
"""


def test_a_command_of_its_own(site: Path, command: Command) -> None:
    install(site, "giver", COMMAND.format(name="mine"))
    assert command("-m", "ganforge", "mine", plugins="stand-ins,giver") == (0, "mine\n", "")


HANGING = """
import time
from pathlib import Path
Path("importing").touch()
time.sleep(600)
"""


def test_one_that_hangs_at_import_is_named_when_it_is_stopped(site: Path) -> None:
    install(site, "slow", HANGING)
    process = python("-m", "ganforge", "recipes", site=site, GANFORGE_PLUGINS="slow")
    wait_until(Path("importing").exists)
    process.send_signal(signal.SIGINT)
    assert ended(process) == (
        130,
        "",
        "ganforge: stopped at the import of plugin 'slow' (dist-slow 1.0); GANFORGE_PLUGINS=-slow leaves it out\n",
    )
    left_out = python("-m", "ganforge", "backends", "--json", site=site, GANFORGE_PLUGINS="stand-ins,-slow")
    code, out, err = ended(left_out)
    assert (code, err) == (0, "")
    assert "fake" in {each["backend"] for each in json.loads(out)}
