"""README.md: every command in it is run, small; the Python runs; every option and target that it names is there."""

import re
from pathlib import Path

import click
import numpy as np
import pytest
from frameworks import need
from pages import blocks, commands, known_options, lines, options, run
from PIL import Image

import ganforge
from ganforge.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

SMALL = {
    "train": ["--steps", "2", "--batch-size", "4"],
    "parity": ["--steps", "2", "--set", "width=2"],
}
"""What is added to a command so that it takes a second; click takes the last of two equal options."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with `my_images`, of two classes."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for number in range(8):
        folder = tmp_path / "my_images" / ("cats" if number % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return tmp_path


@pytest.mark.slow
def test_every_command_line_runs(here: Path) -> None:
    need("torch")
    need("tensorflow")
    written = lines(README, "ganforge")
    assert len(written) >= 8, "the README has lost its examples, or this test no longer finds them"
    steps = 2
    for arguments in written:
        added = SMALL.get(arguments[0], [])
        if arguments[0] == "train":
            added = [*added, "--set", "architecture.width=2" if {"dcgan", "--data"} & set(arguments) else "width=2"]
        if arguments[0] == "resume":
            steps += 1
            added = ["--steps", str(steps)]
        run([*arguments, *added])

    assert ganforge.load("first").step == steps
    assert len(np.load("samples.npz")["images"]) == 1000
    for name in ("grid.png", "preview.png"):
        with Image.open(name) as image:
            image.verify()


@pytest.mark.slow
def test_the_python_runs(here: Path) -> None:
    torch = need("torch")
    (code,) = blocks(README, "python")
    names: dict[str, object] = {}
    exec(code, names)
    assert np.shape(names["images"]) == (64, 8, 8, 1)
    assert isinstance(names["network"], torch.nn.Module)


def test_every_option_is_there() -> None:
    assert options(README) <= known_options()


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
    assert lines(README, "make")
    for (target,) in lines(README, "make"):
        assert target in targets
