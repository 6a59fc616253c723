"""README.md: every command in it is run, small; the Python runs; every option and target that it names is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import ganforge
from ganforge.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

SMALL = {
    "train": ["--steps", "2", "--batch-size", "4"],
    "parity": ["--steps", "2", "--set", "width=2"],
}
"""What is added to a command so that it takes a second; click takes the last of two equal options."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def lines(program: str) -> list[list[str]]:
    """The command lines of the README that call `program`, without their comments."""
    every = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    return [words[1:] for words in every if words and words[0] == program]


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command, those of groups with the group's name before theirs."""
    for name, command in group.commands.items():
        yield f"{prefix}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with `my_pictures`, of two classes."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for number in range(8):
        folder = tmp_path / "my_pictures" / ("cats" if number % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return tmp_path


def test_every_command_line_runs(here: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("tensorflow")
    written = lines("ganforge")
    assert len(written) >= 8, "the README has lost its examples, or this test no longer finds them"
    steps = 2
    for arguments in written:
        added = SMALL.get(arguments[0], [])
        if arguments[0] == "train":
            added = [*added, "--set", "architecture.width=2" if "dcgan" in arguments else "width=2"]
        if arguments[0] == "resume":
            steps += 1
            added = ["--steps", str(steps)]
        answer = CliRunner().invoke(cli, [*arguments, *added])
        assert answer.exit_code == 0, f"ganforge {shlex.join(arguments)}\n{answer.output}\n{answer.exception}"

    assert ganforge.load("first").step == steps
    assert len(np.load("samples.npz")["images"]) == 1000
    for name in ("grid.png", "preview.png"):
        with Image.open(name) as picture:
            picture.verify()


def test_the_python_runs(here: Path) -> None:
    torch = pytest.importorskip("torch")
    (code,) = blocks("python")
    names: dict[str, object] = {}
    exec(code, names)
    assert np.shape(names["pictures"]) == (64, 8, 8, 1)
    assert isinstance(names["network"], torch.nn.Module)


def test_every_option_is_there() -> None:
    known = {option for _, command in commands(cli) for each in command.params for option in each.opts} | {"--help"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", README))
    assert named <= known


def test_the_table_names_every_command() -> None:
    rows = re.findall(r"^\| (`.*?) \|", README, flags=re.MULTILINE)
    written = {
        words.removeprefix("ganforge ").removesuffix(" RUN") for row in rows for words in re.findall(r"`(.*?)`", row)
    }
    there = {
        name
        for name, command in commands(cli)
        if not isinstance(command, click.Group) or command.invoke_without_command
    }
    assert written == there


def test_make_has_the_targets() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert lines("make")
    for (target,) in lines("make"):
        assert target in targets
