"""The extractor `classifier`: it learns classes by a backend, keeps what it has learned, and recognises images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frameworks import FRAMEWORKS, need

import ganforge
from ganforge.backend import BackendEntry
from ganforge.data import Learner
from ganforge.data.preparing import Prepared
from ganforge.errors import EvaluationError, PluginError
from ganforge.evaluation import classifier, evaluate
from ganforge.evaluation.classifier import learn, open_classifier
from ganforge.evaluation.extracting import Untaught, open_extractor
from ganforge.plugins.host import default_host
from ganforge.spec.arrays import Images, Labels
from ganforge.testing import check_extractor

need("torch")
NAMES = tuple(str(digit) for digit in range(10))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "classifiers"


def digits() -> tuple[Images, Labels]:
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(1797)
    return (found.images[order] * 255 / 16).astype(np.uint8)[..., None], found.target[order]


def short(monkeypatch: pytest.MonkeyPatch, steps: int = 30) -> None:
    monkeypatch.setattr(classifier, "_STEPS", steps)


def test_it_keeps_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    short(monkeypatch, 5)
    check_extractor("classifier")


@pytest.mark.parametrize(
    "backend", [name if name == "torch" else pytest.param(name, marks=pytest.mark.slow) for name in FRAMEWORKS]
)
def test_it_learns_the_digits_in_any_framework(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """299 images are held out, of which it was told nothing."""
    short(monkeypatch, 300)
    monkeypatch.setattr(classifier, "default_backend", lambda host: backend)
    images, labels = digits()
    told: list[tuple[int, int]] = []
    found = learn(images, labels, NAMES, lambda done, total: told.append((done, total)))
    assert (told[0], told[-1]) == ((1, 300), (300, 300))
    share = float(found.fingerprint.partition("right on ")[2].partition("%")[0]) / 100
    assert "of 299 images held out" in found.fingerprint and share > 0.93
    assert found.classify is not None
    features = found.function(images)
    assert features.shape == (1797, found.dimension) and features.dtype == np.float64
    assert float((found.classify(features) == labels).mean()) > share - 0.03


def test_the_accuracy_is_that_of_images_it_has_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels drawn by lot can be learned by heart, and then say nothing of others."""
    monkeypatch.setattr(classifier, "_PASSES", 100)
    images, _ = digits()
    labels = np.random.default_rng(0).integers(0, 2, 240)
    found = learn(images[:240], labels, ("a", "b"))
    assert found.classify is not None
    assert float((found.classify(found.function(images[:240])) == labels).mean()) > 0.85
    assert 25 < float(found.fingerprint.partition("right on ")[2].partition("%")[0]) < 75


def test_what_is_learned_is_kept_and_a_damaged_file_made_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short(monkeypatch)
    images, labels = digits()
    first = learn(images, labels, NAMES)
    (path,) = cache.iterdir()
    trained: list[int] = []
    training = classifier._train
    monkeypatch.setattr(classifier, "_train", lambda *given: trained.append(1) or training(*given))
    assert learn(images, labels, NAMES).fingerprint == first.fingerprint
    assert not trained
    content = path.read_bytes()
    for damaged in (content[:-9], b"", content[:8] + b"?" + content[9:]):
        path.write_bytes(damaged)
        assert learn(images, labels, NAMES).fingerprint == first.fingerprint
    assert len(trained) == 3
    assert learn(images[::-1], labels, NAMES).fingerprint != first.fingerprint


def test_another_framework_takes_over_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    if len(FRAMEWORKS) < 2:
        pytest.skip("one framework")
    short(monkeypatch)
    images, labels = digits()
    first = learn(images, labels, NAMES)
    monkeypatch.setattr(classifier, "default_backend", lambda host: "tensorflow")
    again = learn(images, labels, NAMES)
    assert again.fingerprint == first.fingerprint
    np.testing.assert_allclose(again.function(images[:9]), first.function(images[:9]), rtol=1e-4, atol=1e-4)


def test_it_says_how_many_images_are_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real digits with half of the labels moved on by one: about half are recognised, and `recognised` is its own."""
    short(monkeypatch, 300)
    opened_by_evaluate: list[Any] = []
    learning = classifier.learn

    def noted(*given: Any) -> Any:
        opened_by_evaluate.append(learning(*given))
        return opened_by_evaluate[-1]

    monkeypatch.setattr(classifier, "learn", noted)
    images, labels = digits()
    asked = labels.copy()
    asked[::2] = (asked[::2] + 1) % 10
    np.savez(tmp_path / "made.npz", images=images, labels=asked)
    (report,) = evaluate(tmp_path / "made.npz", dataset="digits", images=400, extractors=["classifier"]).reports
    assert report.floor.recognised is not None and report.floor.recognised > 0.95
    assert report.rows[0].recognised == pytest.approx(0.5, abs=0.08)
    (opened,) = opened_by_evaluate
    assert report.rows[0].recognised == float((opened.classify(opened.function(images[:400])) == asked[:400]).mean())
    assert "right on 9" in str(report.fingerprint)


def test_it_measures_while_a_run_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short(monkeypatch)
    overrides = {"run.steps": 10, "evaluation": {"every": 10, "extractor": "classifier", "images": 60}}
    run = ganforge.train("digits", backend="torch", out=tmp_path / "run", overrides=overrides)
    assert '"recognised":' in (run.folder / "metrics.jsonl").read_text()


def test_what_it_cannot_learn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = digits()
    with pytest.raises(EvaluationError, match="it takes nothing after its name, not '3'"):
        open_classifier((8, 8, 1), "3")
    with pytest.raises(EvaluationError, match="11 real images of 7 classes are too few"):
        learn(images[:11], np.arange(11) % 7, NAMES)
    with pytest.raises(EvaluationError, match="40 real images of 1 class are too few"):
        learn(images[:40], labels[:40] * 0, ("a",))
    asked = open_extractor("classifier", (8, 8, 1), default_host())
    assert isinstance(asked, Untaught)
    plain = Prepared(images=images, labels=None, class_names=(), skipped=(), from_cache=False)
    with pytest.raises(EvaluationError, match="these have none; take a labelled set"):
        asked.taught(plain)
    broken: Any = Learner(learn=lambda *given: 3)  # type: ignore[arg-type, return-value]
    labelled = Prepared(images=images, labels=labels, class_names=NAMES, skipped=(), from_cache=False)
    with pytest.raises(PluginError, match="gave 3, not an Extractor"):
        Untaught(name="x", learner=broken, frechet="y").taught(labelled)
    monkeypatch.setattr("ganforge.training.backends.missing_modules", lambda entry: ["torch"])
    assert isinstance(default_host().find("ganforge_backends", BackendEntry, "torch", "backend"), BackendEntry)
    with pytest.raises(PluginError, match="no framework is installed"):
        open_classifier((8, 8, 1), None)
