"""`ganforge evaluate`, by its command and from Python: a run, its checkpoints, folders, arrays, and bad input."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from frameworks import need
from PIL import Image

import ganforge
from ganforge.cli.main import cli
from ganforge.errors import DataError, EvaluationError, GanforgeError, RunError
from ganforge.evaluation import evaluate, find_copies, measure
from ganforge.evaluation.recognition import recognised
from ganforge.spec.arrays import Images

need("torch")

QUICK: dict[str, Any] = {"extractors": ("random",)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conditional run on the digits with three checkpoints."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    overrides = {"run": {"steps": 90, "checkpoint_every": 30, "keep": 9}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANFORGE_CACHE", str(folder.parent / "cache"))
        ganforge.train("digits", backend="torch", out=folder, overrides=overrides)
    return folder


@pytest.fixture(scope="module")
def digits() -> tuple[Images, Any]:
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(1797)  # they come writer by writer
    return (found.images[order] * 255 / 16).astype(np.uint8)[..., None], found.target[order]


def invoked(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["evaluate", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def write(folder: Path, images: Images, labels: Any = None) -> Path:
    for number, pixels in enumerate(images):
        place = folder if labels is None else folder / str(labels[number])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.squeeze()).save(place / f"{number:05}.png")
    return folder


# A run


def test_a_run_of_an_array_is_measured_against_it(
    digits: tuple[Images, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images, labels = digits
    folder = ganforge.train("digits", data=(images, labels), backend="torch", steps=20).folder
    with pytest.raises(DataError, match="pass the same images again: data=images"):
        evaluate(folder, images=100, **QUICK)
    found = evaluate(folder, data=(images, labels), images=100, **QUICK)
    assert (found.images, found.real_images, found.real) == (100, 1797, "memory")
    copied = evaluate(write(tmp_path / "made", images[:100]), data=images, images=100, **QUICK)
    assert (copied.real_images, copied.real) == (1797, "memory")
    elsewhere = evaluate(tmp_path / "made", data=write(tmp_path / "real", images), images=100, **QUICK)
    assert copied.reports[0].floor.measures == elsewhere.reports[0].floor.measures


def test_a_run_and_the_floor(run: Path, tmp_path: Path) -> None:
    features, figures = tmp_path / "features.npz", tmp_path / "figures.json"
    found = evaluate(run, images=300, save_features=features, **QUICK)
    (report,) = found.reports
    (row,) = report.rows
    assert (found.images, found.real_images, found.shape, found.seeds) == (300, 1797, (8, 8, 1), (0, 299))
    assert (row.step, row.subject, report.floor.subject) == (90, "step 90", "real against real")
    assert abs(report.floor.measures.kid) < 2 * report.floor.measures.kid_deviation
    assert row.measures.kid > 5 * report.floor.measures.kid_deviation, "90 steps are not enough to be as good"
    with np.load(features) as saved:
        assert sorted(saved) == ["random/real", "random/real, others", "random/step 90"]
        assert measure(saved["random/real"], saved["random/step 90"]) == row.measures
        assert measure(saved["random/real"], saved["random/real, others"]) == report.floor.measures
    assert repr(found) == str(found) and repr(found).startswith(f"{run}: 300 generated images")
    said = invoked(run, "--images", 300, "--extractor", "random", "--json", figures)
    assert json.loads(figures.read_text()) == json.loads(json.dumps(found.table()))
    for words in ("seeds 0 to 299", "300 of the 1,797 images of digits", "random 1, seed 0", "resizing: none", "±"):
        assert words in said.output
    assert f"{row.measures.kid:.4g} ±" in said.output


def test_classes(run: Path) -> None:
    found = evaluate(run, images=898, **QUICK)
    (report,) = found.reports
    assert [row.class_name for row in report.classes] == [str(digit) for digit in range(10)]
    assert all(60 < row.images < 100 for row in report.classes)
    assert report.floor.recognised is not None and report.floor.recognised > 0.9
    assert "recognised" in str(found)


def test_every_checkpoint_is_the_single_ones(run: Path) -> None:
    found = evaluate(run, images=200, every_checkpoint=True, **QUICK).reports[0]
    assert [row.step for row in found.rows] == [30, 60, 90]
    assert found.best is min(found.rows, key=lambda row: row.measures.kid)
    middle = evaluate(run, images=200, checkpoint=60, **QUICK).reports[0]
    assert middle.best is None
    assert middle.rows == found.rows[1:2]
    assert found.floor == middle.floor


def test_against_another_run_and_several_extractors(run: Path) -> None:
    found = evaluate(run, images=200, checkpoint=30, against=run, extractors=("random", "pixels", "random:1"))
    assert [report.extractor for report in found.reports] == ["random", "pixels", "random:1"]
    for report in found.reports:
        assert [row.subject for row in report.rows] == ["step 30", "digits, step 90"]
        assert report.rows[0].measures != report.rows[1].measures


def test_json_alone_goes_to_stdout(run: Path) -> None:
    found = CliRunner().invoke(cli, ["evaluate", str(run), "--images", "60", "--extractor", "pixels", "--json", "-"])
    assert json.loads(found.stdout)["reports"][0]["extractor"] == "pixels"


# Files of anybody's


def test_a_folder_of_real_images_is_as_good_as_real(tmp_path: Path, digits: tuple[Images, Any]) -> None:
    images, labels = digits
    real = write(tmp_path / "real", images[:1000], labels)
    made = write(tmp_path / "made", images[1000:1500], labels[1000:])
    found = evaluate(made, data=real, **QUICK)
    (report,) = found.reports
    assert (found.images, found.seeds) == (500, None)
    assert report.rows[0].measures.precision > 0.9
    assert report.rows[0].recognised is not None and report.rows[0].recognised > 0.85
    assert len(report.classes) == 10
    zipped = shutil.make_archive(str(tmp_path / "made"), "zip", made)
    assert evaluate(zipped, data=real, **QUICK).reports[0].rows[0].measures == report.rows[0].measures


def test_arrays_and_a_data_set_by_name(tmp_path: Path, run: Path) -> None:
    """The same images are measured alike, whether a run draws them or a file holds them."""
    model = ganforge.load(run)
    np.savez(tmp_path / "made.npz", images=model.sample(200))
    found = evaluate(tmp_path / "made.npz", dataset="digits", **QUICK)
    assert found.images == 200 and found.reports[0].rows[0].recognised is None
    write(tmp_path / "made", model.sample(200))
    assert evaluate(tmp_path / "made", dataset="digits", **QUICK).reports[0].rows == (
        found.reports[0]
        .rows[0]
        .__class__(subject="made", measures=found.reports[0].rows[0].measures, recognised=None, step=None),
    )


def test_another_size_is_fitted_and_said(tmp_path: Path, run: Path, digits: tuple[Images, Any]) -> None:
    large = np.repeat(np.repeat(digits[0][:100], 2, axis=1), 2, axis=2)
    found = evaluate(run, images=100, against=write(tmp_path / "large", large), **QUICK)
    assert found.notes == ("large: 16x16x1, fitted ('cover', bicubic with antialiasing)",)
    assert "large: 16x16x1, fitted" in str(found)


# Did it copy?


def test_copies_are_found_and_new_images_are_not_accused() -> None:
    draw = np.random.default_rng(0)
    training, fresh = draw.standard_normal((2000, 8)), draw.standard_normal((500, 8))
    clean = find_copies(training, fresh, extractor="x", subject="y")
    assert abs(clean.typical.found - clean.typical.expected) < 3 * clean.typical.deviation
    assert abs(clean.close.found - clean.close.expected) < 3 * clean.close.deviation
    fresh[:40] = training[100:140] + 1e-6
    some = find_copies(training, fresh, extractor="x", subject="y")
    assert some.close.found > some.close.expected + 5 * some.close.deviation
    assert {pair for pair in some.pairs[:40]} == {(number, 100 + number) for number in range(40)}
    assert "did it copy? y, extractor x, all 2,000 training images" in str(some)


def test_images_that_are_twice_in_the_data_set_accuse_nobody() -> None:
    draw = np.random.default_rng(0)
    once, fresh = draw.standard_normal((500, 8)), draw.standard_normal((500, 8))
    found = find_copies(np.concatenate([once, once]), fresh, extractor="x", subject="y")
    assert (found.close.found, found.close.expected) == (0, 0.5)


def test_the_image_of_the_closest_pairs(run: Path, tmp_path: Path) -> None:
    said = invoked(run, "--images", 60, "--extractor", "pixels", "--copies", tmp_path / "pairs.png")
    assert "did it copy? step 90, extractor pixels, all 1,797 training images:" in said.output
    with Image.open(tmp_path / "pairs.png") as image:
        assert image.width > 12 * 48


def test_recognised_by_hand() -> None:
    """Three of the five nearest are of class 1; on a tie the lower class."""
    real = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [50.0]])
    labels = np.array([0, 1, 1, 1, 0, 2])
    np.testing.assert_array_equal(recognised(real, labels, np.array([[2.0], [2.5]])), [1, 1])
    np.testing.assert_array_equal(recognised(real, labels, np.array([[0.4]]), k=2), [0])


# Bad input


def test_what_cannot_be_measured(run: Path, tmp_path: Path, digits: tuple[Images, Any]) -> None:
    images, _ = digits
    write(tmp_path / "mixed", images[:6])
    write(tmp_path / "mixed", np.zeros((1, 9, 7, 1), np.uint8) + np.uint8(1), ["x"])
    few, some = write(tmp_path / "few", images[:11]), write(tmp_path / "some", images[:40])
    black = write(tmp_path / "black", np.zeros((40, 8, 8, 1), np.uint8))
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "floats.npz", images=np.zeros((4, 8, 8, 1)))
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "recipe.toml").write_bytes((run / "recipe.toml").read_bytes())
    cases: list[tuple[dict[str, Any], type[GanforgeError], str]] = [
        ({"target": tmp_path / "mixed", "data": some}, EvaluationError, "8x8 .00000.png. and 9x7 .x/00000.png.; bring"),
        ({"target": some, "data": few}, EvaluationError, "11 real images are too few: of them 5 could"),
        ({"target": few, "data": some, "images": 1}, EvaluationError, "1 images are too few"),
        ({"target": black, "data": some}, EvaluationError, "black, extractor 'random': all 20 images have the same"),
        ({"target": some, "data": black}, EvaluationError, "the real images, extractor 'random': all 20 images"),
        ({"target": some}, DataError, r"--data PATH .in Python data=., a folder of real images"),
        ({"target": tmp_path / "nowhere", "data": some}, DataError, "no such folder, of a run or of images"),
        ({"target": tmp_path / "empty", "data": some}, DataError, "no images"),
        ({"target": tmp_path / "floats.npz", "data": some}, DataError, "float64 .4, 8, 8, 1., not uint8"),
        ({"target": tmp_path / "none.npz", "data": some}, DataError, "cannot be read"),
        ({"target": some, "data": some, "checkpoint": 3}, EvaluationError, "not the folder of a run"),
        ({"target": bare}, RunError, "has no checkpoint yet"),
        ({"target": run, "checkpoint": 31}, RunError, "no checkpoint of step 31; it has 30, 60, 90"),
        ({"target": run, "checkpoint": 30, "every_checkpoint": True}, EvaluationError, "give one of them"),
        (
            {"target": run, "against": few, "images": 40},
            EvaluationError,
            "11 images, and 40 are measured; give --images",
        ),
        ({"target": run, "save_features": "x.txt"}, EvaluationError, "must end in .npz"),
        ({"target": run, "copies": "x.txt"}, EvaluationError, "must end in .png"),
    ]
    for arguments, kind, says in cases:
        with pytest.raises(kind, match=says):
            found = evaluate(**arguments, **QUICK)
            pytest.fail(f"{arguments} were measured: {found}")


def test_the_command_words_an_error(run: Path) -> None:
    assert "it has 30, 60, 90" in invoked(run, "--checkpoint", 7, "--extractor", "pixels", code=1).output
    assert "must end in .png" in invoked(run, "--copies", "pairs.jpg", code=2).output
