"""`ganforge data info`, `preview` and `export`, and what a training tells and keeps of its data."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import ganforge
from ganforge.cli.main import cli
from ganforge.training.run_folder import read_recipe
from tests.support.image_files import put

TINY = ("--recipe", "dcgan", "--dataset", "folder", "--set", "image_size=16", "--set", "architecture.width=4")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == code, result.output
    return result


def test_info_says_what_is_left_out_and_which_options_there_are() -> None:
    put(Path("d"), "cat/a.png", "dog/b.png", "dog/c.tga")
    said = run("data", "info", "--data", "d").stdout
    assert "images: 2\n" in said and "classes: cat 1, dog 1\n" in said
    assert "left out: 1, .tga images are not read; convert them (dog/c.tga)" in said
    assert "data.background=white" in said and "data.by_content=false" in said
    (facts,) = json.loads(run("data", "info", "folder", "--data", "d", "--json").stdout)
    assert facts["account"]["left_out"] == [
        {"reason": ".tga images are not read; convert them", "count": 1, "example": "dog/c.tga"}
    ]
    assert facts["account"]["looks"]["color"] == 2
    assert "data.label_column" in run("datasets", "--json").stdout


def test_a_range_is_taken_from_the_command_line() -> None:
    Path("d").mkdir()
    Image.fromarray(np.full((8, 8), 4095, np.uint16)).save("d/a.png")
    said = run("data", "info", "--data", "d").stdout
    assert "--set 'data.value_range=[0, 4095]'" in said
    run("data", "export", "--data", "d", "--image-size", "8", "--set", "data.value_range=[0, 4095]", "--out", "out")
    assert pixels("out/0.png").min() == 255


def test_preview_names_classes_and_is_not_taken_for_data() -> None:
    put(Path("d"), "cat/a.png", "dog/b.png")
    facts = json.loads(run("data", "preview", "--data", "d", "--out", "d/preview.png", "--json").stdout)
    assert facts["images"] == 2 and facts["account"]["classes"] == {"cat": 1, "dog": 1}
    with_names = pixels("d/preview.png").shape
    run("data", "preview", "--data", "d", "--set", "data.labels=none", "--out", "plain.png")
    assert with_names[0] > pixels("plain.png").shape[0]
    assert "written by ganforge (preview.png)" in run("data", "info", "--data", "d").stdout


def test_export_writes_what_the_networks_see() -> None:
    put(Path("d"), *(f"{kind}/{number}.png" for kind in ("cat", "T-shirt") for number in range(3)))
    run("data", "export", "--data", "d", "--image-size", "8", "--out", "out")
    files = sorted(str(file.relative_to("out")) for file in Path("out").rglob("*.png"))
    assert files == ["T-shirt/0.png", "T-shirt/1.png", "T-shirt/2.png", "cat/3.png", "cat/4.png", "cat/5.png"]
    assert pixels("out/cat/3.png").shape == (8, 8, 3)
    assert "already exists" in run("data", "export", "--data", "d", "--out", "out", code=1).stderr
    run("data", "export", "--data", "d", "--count", "2", "--set", "data.labels=none", "--out", "two")
    assert len(list(Path("two").iterdir())) == 2


def test_a_run_tells_and_keeps_the_account_of_its_data() -> None:
    put(Path("d"), *(f"{kind}/{number}.png" for kind in ("cat", "dog") for number in range(4)), "cat/x.tga")
    said = run("train", *TINY, "--data", "d", "--batch-size", "4", "--steps", "2", "--out", "r")
    assert "data: left out: 1, .tga images are not read" in said.stderr
    kept = json.loads(Path("r/data.json").read_text())
    assert kept["images"] == 8 and kept["left_out"][0]["example"] == "cat/x.tga"
    assert read_recipe(Path("r")).data.rules == 3
    run("data", "export", "--run", "r", "--out", "reals")
    assert len(list(Path("reals").rglob("*.png"))) == 8 and pixels("reals/cat/0.png").shape == (16, 16, 3)


def test_an_old_run_keeps_the_order_of_its_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a ganforge wrote it whose class folders were sorted as text."""
    put(Path("d"), *(f"{number}/a.png" for number in range(12)))
    settings = (*TINY, "--data", "d", "--set", "conditional=true", "--batch-size", "4", "--steps", "2", "--out", "r")
    run("train", *settings, "--set", "data.rules=1")
    recipe = Path("r/recipe.toml")
    recipe.write_text("".join(line for line in recipe.read_text().splitlines(True) if not line.startswith("rules")))
    (about,) = Path("r").glob("checkpoints/*/run.json")
    assert '"rules"' in about.read_text()
    assert read_recipe(Path("r")).data.rules == 1
    assert ganforge.resume("r", steps=4).step == 4
    assert ganforge.load_recipe("r/recipe.toml").class_names == tuple(sorted(map(str, range(12))))
    shutil.rmtree("r")
    run("train", *settings)
    assert read_recipe(Path("r")).class_names == tuple(map(str, range(12)))


def test_an_old_run_of_faces_keeps_its_images() -> None:
    """Two of them, though a third, `.jfif`, is an image by the rules of new runs."""
    put(Path("d"), "a.png", "b.png", "c.jfif")
    settings = (*TINY, "--dataset", "faces", "--data", "d", "--batch-size", "2", "--steps", "2", "--out", "r")
    run("train", *settings, "--set", "data.rules=2")
    assert read_recipe(Path("r")).data.rules == 2 and json.loads(Path("r/data.json").read_text())["images"] == 2
    assert ganforge.resume("r", steps=4).step == 4
    shutil.rmtree("r")
    run("train", *settings)
    assert json.loads(Path("r/data.json").read_text())["images"] == 3


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("cat/a.png", "dog/b.png", "c.png"), "c.png lies beside the subfolders"),
        (("cat/a.png", "dog/x/b.png"), "dog/x/b.png lies more than one level below"),
        (("a.png", "b.png"), "there are no subfolders"),
    ],
)
def test_a_refusal_says_why_there_are_no_labels(names: tuple[str, ...], said: str) -> None:
    put(Path("d"), *names)
    answer = run("train", *TINY, "--data", "d", "--set", "conditional=true", "--batch-size", "2", "--dry-run", code=1)
    assert "has none here" in answer.stderr and said in answer.stderr


def test_a_preview_shows_what_augmentation_does() -> None:
    put(Path("d"), "cat/a.png", "cat/b.png", "dog/c.png")
    Path("r.toml").write_text('extends = "dcgan"\n[training.augment]\ncutout = 0.5\nprobability = { target = 0.5 }\n')
    said = run("data", "preview", "--data", "d", "--image-size", "16", "--recipe", "r.toml", "--count", "20").stdout
    assert said == "preview.png: 3 of 3 images; 0 skipped\n"
    plain = run("data", "preview", "--data", "d", "--image-size", "16", "--out", "plain.png")
    assert plain.exit_code == 0
    height, width, _ = pixels("preview.png").shape
    assert width > 8 * 48 and height > 3 * 48
    assert width > pixels("plain.png").shape[1]
    for wrong, named in (("translation=0.01", "not a pixel"), ("flip=2", "true or false"), ("fliip=true", "'flip'")):
        setting = f"training.augment.{wrong}"
        failed = run("data", "preview", "--data", "d", "--image-size", "16", "--set", setting, "--out", "w.png", code=1)
        assert named in failed.output
    assert not Path("w.png").exists()
    assert "leave --recipe out" in run("data", "preview", "--data", "d", "--recipe", "dcgan", code=1).output
