"""The commands as people type them first: images without a recipe, samples without a place, labels by name, lists."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from frameworks import need
from PIL import Image
from tiers import few, slow

import ganforge
from ganforge.cli.main import cli

SMALL = ["--steps", "2", "--batch-size", "4", "--set", "architecture.width=2"]


def run(*arguments: str | Path, code: int = 0) -> str:
    answer = CliRunner().invoke(cli, [str(each) for each in arguments], catch_exceptions=False)
    assert answer.exit_code == code, answer.output
    return answer.output


def images(folder: Path, names: tuple[str, ...] = ("frog", "ship"), count: int = 6) -> Path:
    random = np.random.default_rng(0)
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    need("torch")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(here: Path) -> Path:
    """A run with the classes frog and ship."""
    images(here / "my_images")
    run("train", "--data", "my_images", "--out", "run", "--quiet", *SMALL)
    return here / "run"


# Training ------------------------------------------------------------------------------------------------------------


def test_one_step_is_told_as_one(here: Path) -> None:
    images(here / "my_images")
    said = run("train", "--data", "my_images", "--out", "one", *SMALL, "--steps", "1")
    assert "done: 1 step in" in said
    assert "drawn after 1 step\n" in run("sample", "one", "--seeds", "0", "--labels", "frog", "--out", "frog.png")
    assert "has done its 1 step;" in run("resume", "one", code=1)
    assert repr(ganforge.load("one")).endswith(", 1 step>")


def test_images_alone_are_looked_at_and_trained_on(here: Path) -> None:
    images(here / "my_images")
    said = run("train", "--data", "my_images", *SMALL)
    assert "found 12 color images, 20 to 25 pixels high and 30 wide; 2 classes: frog, ship" in said
    assert "training dcgan at 16x16, each class on request" in said
    assert said.count("labels from the subfolders") == 1
    recipe = ganforge.load("runs/00000-dcgan-torch").recipe
    assert (recipe.name, recipe.size, recipe.class_names) == ("dcgan", (16, 16), ("frog", "ship"))


def test_a_folder_without_classes_is_trained_without_labels(here: Path) -> None:
    images(here / "my_images", names=("",))
    said = run("train", "--data", "my_images", *SMALL, "--set", "image_size=8")
    assert "no classes" in said
    assert "training dcgan at 8x8, without classes" in said
    recipe = ganforge.load("runs/00000-dcgan-torch").recipe
    assert (recipe.size, recipe.conditional) == ((8, 8), False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--recipe", "digits", "--data", "my_images"], "--dataset folder"),
        slow(["--recipe", "cgan-mnist", "--data", "my_images"], "--dataset folder"),
        (["--recipe", "folder"], "--dataset folder"),
        (["--dataset", "dcgan"], "--recipe dcgan"),
        (["--set", "batch_size=3"], "did you mean 'training.batch_size'?"),
        (["--set", "bach_size=3"], "did you mean 'training.batch_size'?"),
        (["--set", "latent=3"], "did you mean 'training.latent'?"),
        (["--set", "learning_rate=3"], "'training.generator.optimizer.learning_rate'"),
        (["--set", "training.beta1=3"], "'training.discriminator.optimizer.beta1'"),
    ],
)
def test_what_does_not_fit_names_what_does(arguments: list[str], words: str, here: Path) -> None:
    images(here / "my_images")
    said = run("train", *arguments, "--steps", "1", code=1)
    assert words in said, said
    assert not (here / "runs").exists()


# Quiet, JSON ---------------------------------------------------------------------------------------------------------


def answers(run_folder: Path) -> dict[str, list[str | Path]]:
    """A call of each command that computes and has an answer."""
    return {
        "train": ["train", "--steps", "2", "--set", "width=2", "--out", "other"],
        "dry": ["train", "--dry-run"],
        "resume": ["resume", run_folder, "--steps", "3"],
        "sample": ["sample", run_folder, "--seeds", "0-3"],
        "traverse": ["traverse", run_folder, "--dim", "0", "--steps", "2"],
        "interpolate": ["interpolate", run_folder, "--seeds", "0,1", "--steps", "2"],
        "history": ["history", run_folder],
        "bench": ["bench", "--seconds", "0", "--set", "width=2", "--batch-size", "4"],
    }


def test_quiet_prints_nothing_and_json_alone(trained: Path) -> None:
    for name, call in answers(trained).items():
        if name not in ("train", "resume"):  # each can be done once
            assert run(*call, "--quiet") == "", name
        facts = json.loads(run(*call, "--json"))
        assert isinstance(facts, dict), name
    assert (Path("other") / "recipe.toml").exists()


def test_json_of_a_run_has_numbers(here: Path) -> None:
    facts = json.loads(run("train", "--steps", "2", "--set", "width=2", "--out", "out", "--json"))
    assert (facts["run"], facts["steps"], facts["interrupted"]) == ("out", 2, False)
    assert isinstance(facts["last"]["d_loss"], float)


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        ("datasets", {"needs --data": bool, "options": list}),
        ("backends", {"installed": bool, "versions": dict, "devices": dict}),
        ("layers", {"required": list, "optional": list}),
        ("optimizers", {"required": list, "optional": list}),
        ("plugins", {"loaded": bool, "hooks": list}),
    ],
)
def test_listings_in_json_have_types(command: str, typed: dict[str, type]) -> None:
    for row in json.loads(run(command, "--json")):
        for name, kind in typed.items():
            assert type(row[name]) is kind, (command, name, row)


# Samples -------------------------------------------------------------------------------------------------------------


def test_samples_have_a_place_of_their_own(trained: Path) -> None:
    assert "run/sample.png: 64 images" in run("sample", "run")
    assert (trained / "sample.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("suffix", few(["png", "jpg", "webp"], ["jpg"]))
def test_grids_and_single_files_of_each_format(suffix: str, trained: Path) -> None:
    run("sample", "run", "--seeds", "0-5", "--out", f"grid.{suffix}")
    with Image.open(f"grid.{suffix}") as grid:
        assert grid.format == {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[suffix]
    run("sample", "run", "--seeds", "3,7", "--labels", "ship,frog", "--out", "files", "--format", suffix)
    found = sorted(str(path.relative_to("files")) for path in Path("files").rglob("*.*"))
    assert found == [f"{name}/seed-000000{seed}.{suffix}" for name in ("frog", "ship") for seed in (3, 7)]
    with Image.open(f"files/frog/seed-0000003.{suffix}") as image:
        assert image.size == (16, 16)


def test_single_files_are_the_images_and_read_back_as_data(trained: Path) -> None:
    run("sample", "run", "--seeds", "0-3", "--labels", "0,1", "--out", "files")
    expected = ganforge.load("run").sample(seeds=[2], labels=[1])[0]
    with Image.open("files/ship/seed-0000002.png") as image:
        assert (np.asarray(image) == expected).all()
    assert "frog 4, ship 4" in run("data", "info", "folder", "--data", "files")


def test_columns_scale_and_seeds_change_the_grid(trained: Path) -> None:
    sizes = {}
    for name, options in {
        "plain": [],
        "columns": ["--columns", "6"],
        "scale": ["--scale", "1"],
        "seeds": ["--show-seeds"],
    }.items():
        run("sample", "run", "--seeds", "0-11", "--out", f"{name}.png", *options)
        with Image.open(f"{name}.png") as grid:
            sizes[name] = grid.size
    assert sizes["plain"][0] < sizes["columns"][0]
    assert sizes["scale"][0] < sizes["plain"][0]
    assert sizes["seeds"][0] == sizes["plain"][0]
    assert sizes["seeds"][1] == sizes["plain"][1] + 6 * 14


def test_a_grid_beyond_reason_is_refused_before_it_is_drawn(trained: Path) -> None:
    said = run("sample", "run", "--seeds", "0-99999", "--out", "grid.png", code=1)
    assert "a grid of 100,000 images would have" in said
    assert "--out FOLDER" in said
    assert not Path("grid.png").exists()


def test_labels_by_name_and_by_number(trained: Path) -> None:
    run("sample", "run", "--seeds", "0-1", "--labels", "ship", "--out", "name.npz")
    run("sample", "run", "--seeds", "0-1", "--labels", "1", "--out", "number.npz")
    name, number = np.load("name.npz"), np.load("number.npz")
    assert name["labels"].tolist() == number["labels"].tolist() == [1, 1]
    assert name["class_names"].tolist() == ["frog", "ship"]
    assert "did you mean 'ship'?" in run("sample", "run", "--labels", "shp", code=1)
    assert "labels are 0 to 1" in run("sample", "run", "--labels", "0-2", code=1)
    assert "1 x 3 images" in run("interpolate", "run", "--seeds", "0,1", "--labels", "frog", "--steps", "3")
    assert "2 x 2 images" in run("traverse", "run", "--seeds", "0,1", "--labels", "frog,ship")


def test_a_saved_model_is_sampled_as_a_run_is(trained: Path) -> None:
    ganforge.load("run").save("model.safetensors")
    assert "model.png: 4 images" in run("sample", "model.safetensors", "--seeds", "0-3")


# Runs ----------------------------------------------------------------------------------------------------------------


def test_runs_are_listed(here: Path) -> None:
    assert run("runs").startswith("no runs in runs; give another folder")
    for seed in (0, 1):
        run("train", "--steps", "4", "--set", "width=2", "--set", "run.log_every=2", "--seed", str(seed), "--quiet")
    rows = json.loads(run("runs", "--json"))
    assert [(row["run"], row["recipe"], row["backend"], row["step"], row["of"]) for row in rows] == [
        (f"runs/0000{number}-digits-torch", "digits", "torch", 4, 4) for number in (0, 1)
    ]
    assert all(isinstance(row["d_loss"], float) and row["images/s"] > 0 for row in rows)
    Path("runs/00000-digits-torch/recipe.toml").write_text("x")
    assert "cannot be read" in run("runs")
    assert "runs/00001-digits-torch" in run("runs")


def colours(path: str) -> set[Any]:
    with Image.open(path) as image:
        found = image.convert("RGB").getcolors(1 << 24)
    return {color for _, color in found or ()}


def test_curves_of_several_runs_lie_over_one_another(here: Path) -> None:
    from ganforge.generation.loss_overlays import COLORS

    for name in ("a", "b", "c"):
        run("train", "--steps", "12", "--set", "width=2", "--set", "run.log_every=1", "--out", name, "--quiet")
    run("history", "a", "b", "c")
    assert set(COLORS[:3]) <= colours("losses.png")
    assert not {COLORS[3], COLORS[6]} & colours("losses.png")
    run("history", "a", "--out", "rough.png")
    run("history", "a", "--smooth", "5", "--out", "smooth.png")
    assert Path("rough.png").read_bytes() != Path("smooth.png").read_bytes()
    assert "an animation is of one run" in run("history", "a", "b", "--gif", "x.gif", code=1)
    assert "too many for one image" in run("history", *["a"] * 9, code=1)


# Terminals -----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
@pytest.mark.parametrize(("term", "moves"), [("dumb", False), slow("xterm", True)])
def test_a_dumb_terminal_gets_lines(term: str, moves: bool, here: Path) -> None:
    import os
    import pty

    ours, theirs = pty.openpty()
    arguments = ["train", "--steps", "100", "--set", "width=2", "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ganforge", *arguments], stdout=theirs, stderr=theirs, env=os.environ | {"TERM": term}
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            some = os.read(ours, 65536)
        except OSError:  # Linux, once the other end is closed
            break
        if not some:
            break
        said += some
    os.close(ours)
    assert process.wait() == 0
    assert (b"\x1b[" in said) == moves
    assert b"images/s" in said
    assert (b"step 100/100" in said) == (not moves)
