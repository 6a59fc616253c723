"""docs/your-own-images.md: every command line is run, small, in its order; what it says of settings is so."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from frameworks import need
from pages import known_options, lines, options, run
from PIL import Image

import ganforge
from ganforge.cli.main import cli
from ganforge.training.observers.watch import for_a_winning_discriminator

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "your-own-images.md").read_text(encoding="utf-8")
SMALL = ["--steps", "2", "--batch-size", "4", "--set", "architecture.width=2"]
"""Added to a command that trains; click takes the last of two equal options, ganforge the last of two values."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with the folders of images that the page speaks of."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for number in range(66):
        kind = ("frog", "horse", "ship")[number % 3]
        for folder in (tmp_path / "my_images", tmp_path / "few_images", tmp_path / "my_classes" / kind):
            folder.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8))
            image.save(folder / f"{number}.png")
    return tmp_path


def test_every_command_line_runs(here: Path) -> None:
    need("torch")
    need("imageio_ffmpeg")
    written = lines(PAGE, "ganforge")
    assert len(written) >= 12, "the page has lost its commands, or this test no longer finds them"
    for arguments in written:
        added = SMALL if arguments[0] == "train" else ["--steps", "3"] if arguments[0] == "resume" else []
        run([*arguments, *added])

    assert ganforge.load("frogs").step == 3
    assert ganforge.load("kinds").recipe.class_names == ("frog", "horse", "ship")
    assert np.load("samples.npz")["images"].shape == (1000, 32, 32, 3)
    for name in ("preview.png", "losses.png", "grid.png", "walk.png", "strips.png", "kinds.png", "progress.gif"):
        with Image.open(name) as image:
            image.verify()
    assert Path("walk.mp4").stat().st_size > 0


def test_every_option_is_there() -> None:
    assert options(PAGE) - {"--logdir"} <= known_options(), "beside TensorBoard's own"


def test_the_plan_is_as_printed(here: Path) -> None:
    need("torch")
    (dry,) = (arguments for arguments in lines(PAGE, "ganforge") if "--dry-run" in arguments)
    printed = run(dry).output
    for line in ("generator: 370,851 parameters", "discriminator: 168,033 parameters", "0.112 an image."):
        assert line in PAGE and line in printed


def test_the_remedies_are_those_of_the_warning() -> None:
    gan = ganforge.build("dcgan", overrides={"channels": 3, "image_size": 32, "training": {"batch_size": 2}}).gan
    for remedy in for_a_winning_discriminator(gan):
        for assignment in remedy:
            key, _, _ = assignment.partition("=")
            assert key == "layers.dropout.rate" or f"--set {key}=" in PAGE, key


def test_what_is_cut_off_can_be_set(here: Path) -> None:
    for assignment in ("data.fit=pad", "data.fit=stretch", "data.crop=20"):
        run(["data", "preview", "folder", "--data", "my_images", "--set", assignment])
    answer = CliRunner().invoke(cli, ["data", "preview", "folder", "--data", "my_images", "--set", "data.crop=108"])
    assert answer.exit_code == 1 and "32x32 pixels" in answer.output
