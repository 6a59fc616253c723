"""How commands answer: --help, --quiet and --json are the same everywhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from ganforge.cli.answer import Answer, answers_in_files
from ganforge.cli.main import cli


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, group
    for each, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {each}")
        else:
            yield f"{name} {each}", command


COMMANDS = dict(commands(cli, "ganforge"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_alike(name: str) -> None:
    command = COMMANDS[name]
    answering = not isinstance(command, click.Group) or command.invoke_without_command
    options = {option for each in command.params for option in each.opts}
    assert ({"--quiet", "--json"} <= options) == answering
    undescribed = [each.name for each in command.params if isinstance(each, click.Option) and not each.help]
    assert not undescribed


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_terminal(name: str) -> None:
    command = COMMANDS[name]
    text = command.get_help(click.Context(command, info_name=name, terminal_width=80))
    assert max(map(len, text.splitlines())) <= 80
    cut = [line for line in text.splitlines() if line.endswith("...") and not line.startswith("Usage:")]
    assert not cut


@pytest.mark.parametrize("call", [["data", "info", "digits"], ["runs"], ["recipes"], ["backends"], ["plugins"]])
def test_quiet_reports_print_nothing(call: list[str]) -> None:
    result = CliRunner().invoke(cli, [*call, "--quiet"], catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (0, "")


def test_json_has_the_types_of_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    facts = {"path": Path("a"), "count": np.int64(3), "loss": np.float32(0.5), "none": float("nan"), "all": (1, True)}
    Answer(quiet=False, as_json=True).say("words", facts)
    plain = {"path": "a", "count": 3, "loss": 0.5, "none": None, "all": [1, True]}
    found = json.loads(capsys.readouterr().out)
    assert found == plain and type(found["count"]) is int and found["all"][1] is True
    Answer(quiet=False, as_json=False, file=tmp_path / "a.json").say("words", facts)
    assert capsys.readouterr().out == f"words\n{tmp_path / 'a.json'} written\n"
    assert json.loads((tmp_path / "a.json").read_text()) == plain


def test_json_goes_to_standard_output_or_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    @click.argument("run")
    @answers_in_files
    def command(run: str, answer: Answer) -> None:
        answer.say("words", {"run": run})

    monkeypatch.chdir(tmp_path)
    for call in (["a", "--json"], ["--json", "-", "a"], ["a", "--quiet", "--json"]):
        assert json.loads(CliRunner().invoke(command, call).stdout) == {"run": "a"}
    assert CliRunner().invoke(command, ["a"]).stdout == "words\n"
    assert CliRunner().invoke(command, ["a", "--quiet"]).stdout == ""
    assert CliRunner().invoke(command, ["a", "--json", "f.json"]).stdout == "words\nf.json written\n"
    assert json.loads(Path("f.json").read_text()) == {"run": "a"}


def test_json_that_took_the_argument_for_its_file_says_so() -> None:
    said = CliRunner().invoke(cli, ["evaluate", "--json", "runs/0 1", "--images", "9"], prog_name="ganforge")
    assert said.exit_code == 2
    assert "--json took 'runs/0 1' as the file to write. Write `ganforge evaluate 'runs/0 1' --json`" in said.output
    for call in (["evaluate"], ["evaluate", "--json"]):
        assert "Error: Missing argument 'RUN|FOLDER'.\n" in CliRunner().invoke(cli, call).output
