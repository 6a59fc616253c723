"""Measures while a run trains: metrics.jsonl, the best checkpoint, and what a stop in between does to them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from frameworks import FRAMEWORKS, need
from PIL import Image
from processes import ended, install, python

import ganforge
from ganforge.cli.main import cli
from ganforge.errors import EvaluationError, GanforgeError, PluginError, RecipeError, RunError
from ganforge.evaluation import meter, metrics_file
from ganforge.training import checkpoint
from ganforge.training.best_checkpoint import Best, read_best, step_of_best, write_best

need("torch")

TINY: dict[str, Any] = {
    "extends": "digits",
    "width": 2,
    "evaluation": {"extractor": "random", "images": 60},
    "training": {"batch_size": 16},
    "run": {"steps": 40, "log_every": 10, "sample_every": 1000, "checkpoint_every": 10, "keep": 1},
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))


def train(out: Path, overrides: dict[str, Any] | None = None, **more: Any) -> Any:
    return ganforge.train(TINY, backend="torch", out=out, overrides=overrides or {}, **more)


def scripted(monkeypatch: pytest.MonkeyPatch, *kids: float) -> None:
    """What is measured, in turn: the real images first."""
    values: Iterator[float] = iter((0.0, *kids))
    monkeypatch.setattr(meter, "measure_some", lambda *_, **__: {"kid": next(values)})


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / metrics_file.NAME).read_text().splitlines()]


def saved(run: Path) -> list[int]:
    return [checkpoint.step_of(path) for path in checkpoint.checkpoints(run / "checkpoints")]


# What is measured


def test_what_is_measured_is_what_evaluate_measures(tmp_path: Path) -> None:
    """Every 20 steps and after the last; real features from the cache."""
    told: list[Any] = []
    watcher = SimpleNamespace(step_measured=lambda run, step, measures, by: told.append((step, measures, by)))
    asked = {"evaluation.every": 20, "run": {"steps": 50, "keep": 9}}
    run = train(tmp_path / "run", asked, callbacks=[watcher]).folder
    assert told == [(line["step"], line["measures"], "random, 60 images") for line in lines(run)]
    assert [line["step"] for line in lines(run)] == [20, 40, 50]
    for line in lines(run):
        report = ganforge.evaluate(run, checkpoint=line["step"], images=60, extractors=["random"]).reports[0]
        expected = report.rows[0]
        assert line["measures"] == {
            "kid": expected.measures.kid,
            "kid_deviation": expected.measures.kid_deviation,
            "precision": expected.measures.precision,
            "recall": expected.measures.recall,
            "recognised": expected.recognised,
        }
        assert line["real"] == {name: getattr(report.floor.measures, name) for name in line["real"]}
        assert (line["extractor"], line["fingerprint"], line["images"]) == ("random", report.fingerprint, 60)
    assert len(list((tmp_path / "cache" / "features").iterdir())) == 2, "computed once, kept once"
    assert read_best(run) is None
    (events,) = run.glob("events.out.tfevents.*")
    assert events.read_bytes().count(b"quality/kid_deviation") == 3


def test_the_measures_asked_for_and_no_others(tmp_path: Path) -> None:
    asked = {"evaluation": {"every": 40, "measures": ["mind", "coverage"], "keep_best": "frechet"}}
    (line,) = lines(train(tmp_path / "run", {**asked, "conditional": False}).folder)
    assert set(line["measures"]) == set(line["real"]) == {"mind", "coverage", "frechet"}


def test_the_terminal_and_the_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(tmp_path / "run", {"evaluation.keep_best": "kid"}, quiet=False).folder
    said = capsys.readouterr().out
    best = read_best(run)
    assert best is not None
    for line in lines(run):
        assert f"step {line['step']} measured: kid {line['measures']['kid']:.4g}  kid_deviation" in said
    assert "(random, 60 images)" in said
    assert f"best by kid: step {best.step} ({best.value:.4g})" in said
    assert CliRunner().invoke(cli, ["history", str(run), "--out", str(tmp_path / "with.png")]).exit_code == 0
    (run / metrics_file.NAME).unlink()
    assert CliRunner().invoke(cli, ["history", str(run), "--out", str(tmp_path / "without.png")]).exit_code == 0
    with Image.open(tmp_path / "with.png") as drawn, Image.open(tmp_path / "without.png") as plain:
        panel = (plain.height - 36) // 2
        assert drawn.height - plain.height == 3 * panel, "KID, precision and recall, recognised"


def test_a_generator_whose_images_are_alike_is_no_reason_to_stop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def black(self: Any, count: int = 64, *, seeds: Any = None, **_: Any) -> Any:
        return np.zeros((count if seeds is None else len(seeds), 8, 8, 1), np.uint8)

    monkeypatch.setattr("ganforge.generation.model.Model.sample", black)
    run = train(tmp_path / "run", {"evaluation.every": 20})
    assert run.step == 40 and not (run.folder / metrics_file.NAME).exists()
    assert (
        "step 20 is not measured: step 20, extractor 'random': all 60 images have the same" in capsys.readouterr().err
    )


# The best checkpoint


def test_the_best_checkpoint_is_kept_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        scripted(patch, 3.0, 1.0, 2.0, 1.0)
        train(run, {"evaluation.keep_best": "kid"})
    assert json.loads((run / "checkpoints" / "best").read_text()) == {"step": 20, "measure": "kid", "value": 1.0}
    assert saved(run) == [20, 40], "of equal ones the first; else the newest alone"
    best, newest = ganforge.load(run, best=True), ganforge.load(run)
    assert (best.step, newest.step) == (20, 40)
    assert (best.sample(8) != newest.sample(8)).any()
    invoked = CliRunner().invoke(cli, ["sample", str(run), "--best", "--out", str(tmp_path / "best.npz")])
    assert invoked.exit_code == 0 and "after 20 steps" in invoked.output
    with np.load(tmp_path / "best.npz") as drawn:
        np.testing.assert_array_equal(drawn["images"], best.sample(64))
    by_step = ganforge.load(run, checkpoint=20)
    np.testing.assert_array_equal(by_step.sample(8), best.sample(8))
    for step, word in (("20", "after 20 steps"), ("30", "no checkpoint of step 30; it has 20, 40")):
        asked = ["sample", str(run), "--checkpoint", step, "--out", str(tmp_path / "step.png")]
        assert word in CliRunner().invoke(cli, asked).output
    both = CliRunner().invoke(cli, [*asked, "--best"])
    assert both.exit_code == 2 and "give one of them" in both.output
    with pytest.raises(ValueError, match="give one of them"):
        ganforge.load(run, best=True, checkpoint=20)
    measured = ["evaluate", str(run), "--checkpoint", "best", "--images", "60", "--extractor", "random"]
    assert "step 20 " in CliRunner().invoke(cli, measured).output
    wrong = CliRunner().invoke(cli, [*measured[:3], "first"])
    assert wrong.exit_code == 2 and "neither the number of a step nor 'best'" in wrong.output


def test_a_better_one_takes_its_place_and_the_old_one_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, 3.0, 1.0, 2.0, 0.5, 4.0, 4.0)
    run = train(tmp_path / "run", {"evaluation.keep_best": "kid", "run.steps": 60}).folder
    assert (step_of_best(run), saved(run)) == (40, [40, 60])


def test_a_run_without_a_best_one_says_what_to_do(tmp_path: Path) -> None:
    run = train(tmp_path / "run", {"run.steps": 10}).folder
    with pytest.raises(RunError, match=r"train with --keep-best kid, or see `ganforge evaluate .* --every-checkpoint`"):
        ganforge.load(run, best=True)
    (run / "checkpoints" / "best").write_text('{"step": 10')
    with pytest.raises(RunError, match=r"checkpoints/best cannot be read: .*; remove it"):
        step_of_best(run)
    write_best(run, Best(step=3, measure="kid", value=1.0))
    with pytest.raises(RunError, match=r"has no checkpoint of step 3; it has 10$"):
        ganforge.load(run, best=True)


def test_a_damaged_word_on_the_best_one_costs_no_checkpoint(tmp_path: Path) -> None:
    run = train(tmp_path / "run", {"run": {"steps": 20, "keep": 9}}).folder
    (run / "checkpoints" / "best").write_text("?")
    with pytest.raises(RunError, match="cannot be read"):
        ganforge.resume(run, steps=30)
    assert saved(run) == [10, 20, 30]


# Stopped


KILLER = """
import os
import signal

import ganforge


@ganforge.hookimpl
def ganforge_step_finished(step):
    if os.environ.get("KILL_AT") == str(step):
        os.kill(os.getpid(), signal.SIGKILL)
"""
TRAIN = "import sys, json, ganforge; ganforge.train(json.loads(sys.argv[1]), backend=sys.argv[2], out=sys.argv[3])"
RESUME = "import sys, ganforge; ganforge.resume(sys.argv[1])"


@pytest.mark.slow
@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_killed_run_goes_on_to_the_same_bits(backend: str, tmp_path: Path) -> None:
    """Killed after step 20 is measured and before it is saved: it is measured again."""
    install(tmp_path / "site", "killer", KILLER)
    recipe = json.dumps(TINY | {"evaluation": TINY["evaluation"] | {"every": 10, "keep_best": "kid"}})

    def done(*arguments: str, **environment: str) -> int:
        return ended(python("-c", *arguments, site=tmp_path / "site", **environment), 300)[0]

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert done(TRAIN, recipe, backend, str(whole)) == 0
    assert done(TRAIN, recipe, backend, str(killed), KILL_AT="20") < 0
    assert ([line["step"] for line in lines(killed)], saved(killed)) == ([10, 20], [10])
    assert done(RESUME, str(killed)) == 0
    assert (killed / metrics_file.NAME).read_bytes() == (whole / metrics_file.NAME).read_bytes()
    assert (killed / "checkpoints" / "best").read_bytes() == (whole / "checkpoints" / "best").read_bytes()
    assert saved(killed) == saved(whole)


def test_a_stop_between_a_checkpoint_and_the_word_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best one is named anew when the run goes on; lines of another extractor do not count."""
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        scripted(patch, 3.0, 1.0)
        train(run, {"evaluation.keep_best": "kid", "run": {"steps": 20, "keep": 9}})
    write_best(run, Best(step=10, measure="kid", value=3.0))
    first = metrics_file.read(run)[0]
    with monkeypatch.context() as patch:
        scripted(patch, 2.0)
        ganforge.resume(run, steps=30)
    assert step_of_best(run) == 20
    (run / metrics_file.NAME).unlink()
    shutil.rmtree(run / "checkpoints" / "step-00000030")
    for number, line in enumerate(((10, "another", 0.1), (20, first.fingerprint, 2.0))):
        step, fingerprint, kid = line
        metrics_file.add(
            run,
            metrics_file.Measured(
                step=step, extractor="random", fingerprint=fingerprint, images=60, measures={"kid": kid}, real={}
            ),
        )
        assert len(lines(run)) == number + 1
    with monkeypatch.context() as patch:
        scripted(patch, 5.0)
        ganforge.resume(run)
    assert step_of_best(run) == 20


@pytest.mark.parametrize(
    "tail", [b"", b'{"step":30,"extr', b"\xff\xfe\n", b"[]\n", b'{"step":1}\n', b"[" * 5000 + b"\n"]
)
def test_lines_after_the_checkpoint_and_broken_ones_are_cut_off(tail: bytes, tmp_path: Path) -> None:
    for step in (10, 20, 30):
        line = metrics_file.Measured(step=step, extractor="x", fingerprint="y", images=9, measures={}, real={})
        metrics_file.add(tmp_path, line)
    whole = (tmp_path / metrics_file.NAME).read_bytes()
    (tmp_path / metrics_file.NAME).write_bytes(whole + tail)
    assert [line.step for line in metrics_file.read(tmp_path)] == [10, 20, 30]
    metrics_file.cut(tmp_path, 20)
    assert (tmp_path / metrics_file.NAME).read_bytes() == b"".join(whole.splitlines(keepends=True)[:2])


# Bad input


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"evaluation": {"every": 10, "extractor": "randon"}}, PluginError, "did you mean 'random'"),
        ({"evaluation": {"every": 10, "extractor": "math:pi"}}, EvaluationError, "not a function"),
        ({"evaluation": {"every": 10, "images": 5}}, RecipeError, "evaluation.images"),
        ({"evaluation": {"every": 10, "measures": ["fid"]}}, RecipeError, "evaluation.measures"),
        ({"evaluation": {"evry": 10}}, RecipeError, "did you mean 'every'"),
        (
            {"evaluation": {"every": 15, "keep_best": "kid"}},
            RecipeError,
            r"\(15\) must be a multiple of .*every \(10\)",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_written(
    changes: dict[str, Any], kind: type[GanforgeError], says: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=says):
        train(tmp_path / "run", changes)
    assert not (tmp_path / "run").exists()


def test_what_is_measured_may_change_on_the_way(tmp_path: Path) -> None:
    run = train(tmp_path / "run", {"run.steps": 10}).folder
    text = (run / "recipe.toml").read_text()
    (run / "recipe.toml").write_text(text.replace("[evaluation]\n", "[evaluation]\nevery = 10\n"))
    ganforge.resume(run, steps=20)
    assert [line["step"] for line in lines(run)] == [20]
