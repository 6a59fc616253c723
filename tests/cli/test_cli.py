"""The command line as a user meets it: fixed forms, exit codes, messages; run through click's own runner."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from frameworks import need
from PIL import Image

from ganforge.cli.main import cli, main

TINY = ["--set", "architecture.width=4", "--set", "training.latent.size=4", "--batch-size", "4", "--backend", "torch"]


def run(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("torch")
    folder = tmp_path_factory.mktemp("cli") / "run"
    options = ["--steps", "6", "--checkpoint-every", "3", "--sample-every", "3", "--set", "run.log_every=2"]
    run("train", "--recipe", "dcgan", "--dataset", "digits", "--set", "image_size=8", "--set", "conditional=true",
        *TINY, *options, "--out", folder)  # fmt: skip
    return folder


def test_a_run_leaves_what_the_design_says(trained: Path) -> None:
    names = sorted(path.name for path in trained.iterdir())
    assert [name for name in names if not name.startswith("events.out.tfevents.")] == [
        "checkpoints", "data.json", "journal.jsonl", "provenance.jsonl", "recipe.toml", "samples",
    ]  # fmt: skip
    assert len(names) == 7
    steps = [json.loads(line)["step"] for line in (trained / "journal.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 6]
    grids = sorted(path.name for path in (trained / "samples").iterdir())
    assert grids == ["real.png", "step-00000003.png", "step-00000006.png"]
    kept = sorted(path.name for path in (trained / "checkpoints").iterdir())
    assert kept == ["step-00000003", "step-00000006"]


def test_sample_writes_arrays_label_by_label(trained: Path, tmp_path: Path) -> None:
    run("sample", trained, "--seeds", "0-2,7", "--labels", "0-9", "--out", tmp_path / "samples.npz")
    with np.load(tmp_path / "samples.npz") as arrays:
        assert arrays["images"].shape == (40, 8, 8, 1)
        assert arrays["images"].dtype == np.uint8
        assert arrays["labels"].tolist() == [label for label in range(10) for _ in range(4)]


def test_the_image_of_a_seed_does_not_depend_on_its_company(trained: Path, tmp_path: Path) -> None:
    run("sample", trained, "--seeds", "0-40", "--labels", "3", "--out", tmp_path / "many.npz")
    run("sample", trained, "--seeds", "17", "--labels", "3", "--out", tmp_path / "one.npz")
    with np.load(tmp_path / "many.npz") as many, np.load(tmp_path / "one.npz") as one:
        assert (many["images"][17] == one["images"][0]).all()
        assert (many["images"][16] != one["images"][0]).any()


def test_sample_writes_a_grid(trained: Path, tmp_path: Path) -> None:
    run("sample", trained, "--seeds", "0-9", "--labels", "0-9", "--out", tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as image:
        width, height = image.size
    assert height == 8 + 10 * 52 - 4 + 8
    assert width > height  # the class names stand to the left of the rows


def test_resume_goes_on_to_more_steps(trained: Path) -> None:
    refused = run("resume", trained, code=1)
    assert "has done its 6 steps" in refused.output
    run("resume", trained, "--steps", "8")
    steps = [json.loads(line)["step"] for line in (trained / "journal.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 6, 8]


@pytest.mark.parametrize(
    "command", ["recipes", "datasets", "architectures", "layers", "losses", "optimizers", "backends", "plugins"]
)
def test_every_listing_takes_json(command: str) -> None:
    rows = json.loads(run(command, "--json").stdout)
    assert rows
    first = next(iter(rows[0]))
    assert {str(row[first]) for row in rows} <= set(run(command).output.split())


def test_data_info_and_preview(tmp_path: Path) -> None:
    facts = json.loads(run("data", "info", "digits", "--json").stdout)[0]
    assert facts["images"] == 1797
    assert sum(facts["classes"].values()) == 1797
    run("data", "preview", "digits", "--image-size", "16", "--count", "9", "--out", tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as image:
        assert min(image.size) > 3 * 32


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["train", "--recipe", "digit"], 1, ["unknown recipe 'digit'", "'digits'"]),
        (["train", "--backend", "troch", "--dry-run"], 1, ["unknown backend 'troch'", "'torch'"]),
        (["train", "--batch-size", "1798", "--dry-run"], 1, ["1797, fewer than a batch of 1798"]),
        (
            ["train", "--recipe", "dcgan", "--data", "nowhere", "--set", "data.set=mnist"],
            1,
            ["nowhere", "no such folder"],
        ),
        (["train", "--backend", "troch"], 1, ["unknown backend 'troch'", "'torch'"]),
        (["train", "--dataset", "minst"], 1, ["unknown data set 'minst'", "'mnist'"]),
        (["train", "--set", "training.batchsize=3"], 1, ["unknown key 'batchsize' in [training]", "'batch_size'"]),
        (["train", "--set", "data.splt=test"], 1, ["unknown key 'splt'"]),
        (
            ["train", "--recipe", "dcgan", "--set", "architecture.widht=3", "--dataset", "digits"],
            1,
            ["unknown key 'widht'", "'width'"],
        ),
        (["train", "--set", "image_size"], 1, ["--set takes key.path=value"]),
        (
            ["train", "--recipe", "dcgan", "--dataset", "digits", "--set", "image_size=7"],
            1,
            ["8 pixels or more", "7x7"],
        ),
        (["train", "--set", "image_size=8x"], 1, ["HEIGHTxWIDTH"]),
        (["train", "--batch-size", "1798"], 1, ["1797, fewer than a batch of 1798", "--batch-size 1797"]),
        (["train", "--dataset", "mnist"], 1, ["--data PATH"]),
        (["train", "--set", "training.loss.name=hing"], 1, ["unknown loss 'hing'", "'hinge'"]),
        (["train", "--set", "training.latent.size=0"], 1, ["training.latent.size"]),
        (["train", "--steps", "3", "--epochs", "1"], 2, ["either --steps or --epochs"]),
        (["train", "--precision", "float16"], 2, ["float16"]),
        (["sample", "nowhere", "--seeds", "3-1", "--out", "x.png"], 2, ["upwards"]),
        (["sample", "nowhere", "--seeds", "a", "--out", "x.png"], 2, ["'a'"]),
        (["sample", "nowhere", "--out", "x.png"], 1, ["no run at nowhere"]),
        (["sample", "nowhere", "--out", "x.gif"], 2, [".jpg", ".npz", "a folder"]),
        (["resume", "nowhere"], 1, ["no run at nowhere"]),
        (["data", "info", "flder"], 1, ["unknown data set 'flder'", "'folder'"]),
    ],
)
def test_bad_input_gets_a_clear_error_and_leaves_nothing(
    arguments: list[str], code: int, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, code=code)
    for word in words:
        assert word in result.stderr, result.stderr
    assert "Traceback" not in result.output
    assert list(tmp_path.glob("*")) == []


def test_an_empty_folder_and_an_unlabelled_set_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "empty" in run("train", "--recipe", "dcgan", "--data", "empty", code=1).stderr
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 40), "red").save(tmp_path / "images" / "one.png")
    result = run("train", "--recipe", "dcgan", "--data", "images", "--set", "conditional=true", code=1)
    assert "has none here" in result.stderr
    assert "conditional=false" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_exists_is_refused(trained: Path) -> None:
    before = (trained / "recipe.toml").read_bytes()
    assert "already exists" in run("train", "--steps", "1", "--out", trained, code=1).stderr
    assert (trained / "recipe.toml").read_bytes() == before


def test_a_checkpoint_of_another_recipe_is_refused_field_by_field(trained: Path, tmp_path: Path) -> None:
    import shutil

    other = tmp_path / "other"
    shutil.copytree(trained, other)
    text = (other / "recipe.toml").read_text()
    (other / "recipe.toml").write_text(text.replace("batch_size = 4", "batch_size = 5"))
    result = run("resume", other, "--steps", "99", code=1)
    assert "training.batch_size: 5, 4" in result.stderr


def test_a_dry_run_shows_and_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = run("train", "--recipe", "dcgan", "--dataset", "digits", "--dry-run").output
    kernels = 16 * (100 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 1)
    biases, norms = 512 + 256 + 128 + 64 + 1, 2 * (512 + 256 + 128 + 64)
    assert f"generator: {kernels + biases + norms:,} parameters" in shown
    assert "8 x 8 x 256" in shown
    assert "GFLOP" in shown
    assert list(tmp_path.iterdir()) == []


def test_help_needs_no_framework() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from ganforge.cli.main import cli;"
        "from ganforge.plugins import default_host; default_host();"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0;"
        "print(sorted({'torch', 'tensorflow', 'sklearn', 'PIL', 'autograd', 'pooch', 'filelock'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_one_line(unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ganforge", "recipes"],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: the output cannot be written: No space left on device\n"


def test_a_commands_exit_code_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of its standalone mode click hands `ctx.exit` back as a value, which is easily dropped."""

    @cli.command("differs")
    @click.pass_context
    def differs(ctx: click.Context) -> None:
        ctx.exit(3)

    monkeypatch.setattr(sys, "argv", ["ganforge", "differs"])
    try:
        with pytest.raises(SystemExit) as stop:
            main()
    finally:
        del cli.commands["differs"]
    assert stop.value.code == 3


@pytest.mark.parametrize("closed", ["stdout", "stdout and stderr"])
def test_a_run_goes_on_when_nobody_reads_any_more(closed: str, tmp_path: Path) -> None:
    """As `ganforge train | head -1` has it, and `ganforge train 2>&1 | head -1`."""
    need("torch")
    command = [sys.executable, "-m", "ganforge", "train", *TINY, "--recipe", "dcgan", "--dataset", "digits"]
    options = ["--set", "image_size=8", "--steps", "4", "--set", "run.log_every=1", "--out", "run"]
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*command, *options],
        cwd=tmp_path,
        stdout=writing,
        stderr=writing if closed != "stdout" else subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    _, complaint = process.communicate(timeout=300)
    assert not complaint  # None where nobody could read it
    assert process.returncode == 0
    assert (tmp_path / "run" / "checkpoints" / "step-00000004").is_dir()


def test_preparing_images_is_told_outside_of_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganforge.cli import show

    @click.command()
    def prepare() -> None:
        with show.preparing() as tell:
            tell(64, 2000)
            monkeypatch.setattr(show, "_PAUSE", 0.0)
            tell(1024, 2000)

    assert CliRunner().invoke(prepare).stderr == "preparing images: 1,024 of 2,000\n"


def test_a_run_is_not_tied_to_the_device_it_ran_on(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    recipe = folder / "recipe.toml"
    assert 'device = "cpu"' in recipe.read_text()
    recipe.write_text(recipe.read_text().replace('device = "cpu"', 'device = "cuda:0"'))
    run("sample", folder, "--out", tmp_path / "grid.png", "--device", "cpu:0")
    told = run("resume", folder, "--steps", "20")
    (line,) = [line for line in told.stderr.splitlines() if "cuda" in line]
    assert line.startswith(f"run {folder} ran on cuda:0 last and goes on on cpu")
    assert 'device = "cpu"' in recipe.read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        "train --out {0}/new",
        "resume {1} --steps 90",
        "sample {1} --out {0}/x.png",
        "interpolate {1} --seeds 1,2",
        "traverse {1} --labels 1",
        "evaluate {1} --images 50 --extractor pixels",
        "bench",
        "parity --backends torch,jax",
        "parity --backends numpy,torch",
    ],
)
def test_every_command_that_computes_takes_a_device_and_refuses_one_that_is_not_there(
    arguments: str, trained: Path, tmp_path: Path
) -> None:
    given = arguments.format(tmp_path, trained).split()
    told = run(*given, "--device", "cuda:7", code=1)
    assert "has no device 'cuda:7' on this machine; it has " in told.stderr
    assert not {"new", "x.png"} & {path.name for path in tmp_path.iterdir()}


def test_a_warning_is_said_once(tmp_path: Path) -> None:
    """Though the recipe of an old run is read twice."""
    run = shutil.copytree(Path(__file__).resolve().parents[1] / "stored" / "format-1", tmp_path / "run")
    shutil.rmtree(run / "checkpoints" / "step-00000006")
    done = subprocess.run(
        [sys.executable, "-m", "ganforge", "resume", str(run)], capture_output=True, text=True, check=True
    )
    assert "it was read as that" in done.stderr
    warned = [line for line in done.stderr.splitlines() if line.startswith("Warning: ")]
    assert len(warned) == len(set(warned))
