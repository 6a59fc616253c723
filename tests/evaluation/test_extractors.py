"""Extractors: ours keep their contract, broken ones are told of, and a user's function is found."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
from frameworks import need
from ganforge_inception import ganforge_extractors as inception
from ganforge_lite0 import ganforge_extractors as lite0
from referees import referee

from ganforge.data.extractors import Extractor, ExtractorEntry
from ganforge.errors import EvaluationError, PluginError
from ganforge.evaluation.builtin import EXTRACTORS
from ganforge.evaluation.extracting import check_extractor_works, default_extractor, extract, missing, open_extractor
from ganforge.evaluation.feature_cache import cached_features
from ganforge.plugins.host import Host, default_host
from ganforge.spec.arrays import Array, Images
from ganforge.testing import ConformanceError, check_extractor

IMAGES = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
SHAPE = (16, 16, 3)
RANDOM = (0.455832, 0.972838, 0.000000)


@pytest.fixture
def host() -> Host:
    return default_host()


# Ours


@pytest.mark.parametrize("entry", EXTRACTORS, ids=lambda entry: entry.name)
def test_ours_keep_the_contract(entry: ExtractorEntry) -> None:
    check_extractor(entry)


def test_another_seed_and_side_keep_it_too() -> None:
    check_extractor(EXTRACTORS[0], "3")
    check_extractor(EXTRACTORS[1], "8")


def test_random_features_are_the_same_everywhere() -> None:
    """Weights and arithmetic are ours, so that a figure can be compared with one from another machine."""
    found = EXTRACTORS[0].open(SHAPE, None).function(IMAGES)
    assert found.shape == (9, 560)
    np.testing.assert_allclose(found[0, [0, 100, 559]], RANDOM, rtol=1e-4)


def test_other_seeds_are_other_features() -> None:
    first, second = (EXTRACTORS[0].open(SHAPE, seed) for seed in ("0", "1"))
    assert first.fingerprint != second.fingerprint
    assert np.abs(first.function(IMAGES) - second.function(IMAGES)).max() > 0.1


@pytest.mark.slow
def test_random_features_of_60_000_digits_take_less_than_a_minute() -> None:
    """A sixth of them in a sixth of the time, of one processor."""
    images = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28, 1), dtype=np.uint8)
    began = process_time()
    EXTRACTORS[0].open((28, 28, 1), None).function(images)
    assert process_time() - began < 10


def test_pixels_are_the_pixels() -> None:
    extractor = EXTRACTORS[1].open(SHAPE, None)
    np.testing.assert_array_equal(extractor.function(IMAGES), IMAGES.reshape(9, -1) / 255)
    assert extractor.resizing == "none"
    assert EXTRACTORS[1].open((64, 64, 3), None).dimension == 32 * 32 * 3


def test_lite0_keeps_the_contract_and_knows_a_photograph() -> None:
    (entry,) = lite0()
    if missing(entry):
        pytest.skip(f"{missing(entry)} are not installed")
    check_extractor(entry)
    assert entry.open(SHAPE, "96").fingerprint != entry.open(SHAPE, None).fingerprint
    with pytest.raises(EvaluationError, match="'9' is no side"):
        entry.open(SHAPE, "9")


def test_inception_wants_the_original_weights(tmp_path: Path) -> None:
    (entry,) = inception()
    assert entry.frechet == "FID"
    with pytest.raises(EvaluationError, match="--extractor inception:FILE"):
        entry.open(SHAPE, None)
    if missing(entry):
        pytest.skip(f"{missing(entry)} are not installed")
    referee("torch_fidelity")
    with pytest.raises(EvaluationError, match="No such file"):
        entry.open(SHAPE, str(tmp_path / "weights.pth"))
    (tmp_path / "weights.pth").write_bytes(b"anything")
    with pytest.raises(EvaluationError, match="would be no FID"):
        entry.open(SHAPE, str(tmp_path / "weights.pth"))


def test_inception_gives_the_features_of_torch_fidelity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With weights drawn at random in place of the original ones, which nobody may download here."""
    (entry,) = inception()
    if missing(entry):
        pytest.skip(f"{missing(entry)} are not installed")
    torch = need("torch")
    network = referee("torch_fidelity.feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    torch.manual_seed(0)
    torch.save({}, tmp_path / "empty.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "load_state_dict", lambda self, state: None)
        drawn = network("x", ["2048"], feature_extractor_weights_path=str(tmp_path / "empty.pth"))
    torch.save(drawn.state_dict(), tmp_path / "weights.pth")
    monkeypatch.setattr("ganforge_inception.network.ORIGINAL", "")
    extractor = entry.open(SHAPE, str(tmp_path / "weights.pth"))
    found = extractor.function(IMAGES[:2])
    (given,) = drawn(torch.from_numpy(IMAGES[:2]).permute(0, 3, 1, 2))
    assert found.shape == (2, extractor.dimension) and found.dtype == np.float64
    np.testing.assert_allclose(found, given.numpy(), rtol=1e-4, atol=1e-6)
    grey = extractor.function(IMAGES[:1, ..., :1])
    np.testing.assert_allclose(grey, extractor.function(np.repeat(IMAGES[:1, ..., :1], 3, axis=3)), rtol=1e-4)


@pytest.mark.parametrize(
    ("asked", "says"),
    [("random:x", "no seed"), ("pixels:0", "no side"), ("pixels:1000", "no side"), ("pixels:", "no side")],
)
def test_arguments_without_use(host: Host, asked: str, says: str) -> None:
    with pytest.raises(EvaluationError, match=says):
        open_extractor(asked, SHAPE, host)


def test_images_too_small_for_convolutions(host: Host) -> None:
    with pytest.raises(EvaluationError, match="3x9 are too small"):
        open_extractor("random", (3, 9, 1), host)


# By name


def test_the_default_is_installed(host: Host) -> None:
    name = default_extractor(host)
    assert name in ("lite0", "random")


def test_names_that_there_are_not(host: Host) -> None:
    with pytest.raises(PluginError, match="did you mean 'random'"):
        open_extractor("randon", SHAPE, host)
    with pytest.raises(EvaluationError, match="no such function: No module named 'nowhere'"):
        open_extractor("nowhere:features", SHAPE, host)
    with pytest.raises(EvaluationError, match="no attribute 'nothing'"):
        open_extractor("json:nothing", SHAPE, host)
    with pytest.raises(EvaluationError, match="not a function"):
        open_extractor("math:pi", SHAPE, host)


def test_modules_that_are_missing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganforge.evaluation.extracting.missing", lambda entry: ["efficientnet"])
    with pytest.raises(PluginError, match="needs efficientnet, which is not installed; run: pip install"):
        open_extractor("random", SHAPE, host)


def test_a_function_of_the_user(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_own_features.py").write_text("def means(images):\n    return images.mean(axis=(1, 2))\n")
    opened = open_extractor("my_own_features:means", SHAPE, host)
    np.testing.assert_allclose(extract(opened, IMAGES, "x"), IMAGES.mean(axis=(1, 2)))
    assert not opened.cached and "source" in opened.extractor.fingerprint


# Broken ones


def given(function: Callable[[Images], Any], **more: Any) -> ExtractorEntry:
    settings: dict[str, Any] = {"dimension": 3, "fingerprint": "x 1", "resizing": "none"} | more
    extractor = Extractor(function=function, **settings)
    return ExtractorEntry(name="broken", summary="x", open=lambda shape, argument: extractor)


def means(images: Images) -> Array:
    return images[..., [0, 0, 0]].mean(axis=(1, 2))


def counting() -> Iterator[float]:
    number = 0.0
    while True:
        yield number
        number += 1


COUNTER = counting()

BROKEN = [
    (given(lambda images: means(images).astype(np.float32)), "float32, not float64"),
    (given(means, dimension=4), r"not \(7, 4\)"),
    (given(lambda images: means(images) * np.nan), "NaN"),
    (given(lambda images: means(images) + next(COUNTER)), "called again, it gives other features"),
    (given(lambda images: means(images) - images.mean()), "one image at a time, it gives other"),
    (given(lambda images: means(images)[np.argsort(images[:, 0, 0, 0])]), "in another order"),
    (given(lambda images: np.ones((len(images), 3))), "same features"),
    (given(lambda images: means(np.put(images, 0, images.flat[0] ^ 1) or images)), "changes the images"),
    (given(means, resizing=""), "resizing is not one line"),
    (replace(given(means), name="Bad Name"), "lower case"),
    (replace(given(means), frechet="FID"), "Inception-v3 alone"),
    (replace(given(means), modules=("x",)), "how to install"),
]


@pytest.mark.parametrize(("entry", "says"), BROKEN, ids=[says for _, says in BROKEN])
def test_the_check_finds_what_is_broken(entry: ExtractorEntry, says: str) -> None:
    with pytest.raises(ConformanceError, match=says):
        check_extractor(entry)


def test_a_good_one_passes() -> None:
    check_extractor(given(means))


def opened_from(host: Host, monkeypatch: pytest.MonkeyPatch, function: Callable[[Images], Any]) -> Any:
    monkeypatch.setattr("builtins.mine", function, raising=False)
    return open_extractor("builtins:mine", SHAPE, host)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda images: means(images)[1:], r"for 4 images it gave float64 \(3, 3\)"),
        (lambda images: means(images)[0], "not numbers"),
        (lambda images: [1, 2], r"gave \[1, 2\]"),
        (lambda images: means(images) + next(COUNTER), "called twice"),
        (lambda images: means(images) - images.mean(axis=0).mean() * images[0, 0, 0, 0], "called twice"),
        (lambda images: means(images) * np.nan, "a first try, .*: the features of 4 images of 4 are NaN or infinite"),
        (lambda images: means(images)[:, : 1 + int(next(COUNTER)) % 2], "number of its features changes between calls"),
    ],
)
def test_broken_functions_are_found_before_minutes_are_spent(
    host: Host, monkeypatch: pytest.MonkeyPatch, function: Callable[[Images], Any], says: str
) -> None:
    with pytest.raises(EvaluationError, match=says):
        check_extractor_works(opened_from(host, monkeypatch, function), IMAGES)


def test_features_that_grow_more_are_found_at_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def more(images: Images) -> Array:
        calls.append(len(images))
        return np.repeat(means(images), len(calls), axis=1)

    many = np.repeat(IMAGES, 100, axis=0)
    with pytest.raises(EvaluationError, match="number of its features changes between calls"):
        extract(opened_from(host, monkeypatch, more), many, "x")
    assert sum(calls) < len(many)


def test_a_function_that_raises_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PluginError, match="extractor 'builtins:mine' raised ZeroDivisionError"):
        extract(opened_from(host, monkeypatch, lambda images: 1 / 0), IMAGES, "x")


def test_nan_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def some(images: Images) -> Array:
        found = means(images)
        found[2, 1] = np.nan
        return found

    with pytest.raises(EvaluationError, match="real images, extractor 'builtins:mine': the features of 1 image of 9"):
        extract(opened_from(host, monkeypatch, some), IMAGES, "the real images")


# Kept features


def test_features_are_computed_once_and_a_damaged_file_again(host: Host, tmp_path: Path) -> None:
    opened = open_extractor("pixels", SHAPE, host)
    first = cached_features(opened, IMAGES, "x", cache=tmp_path)
    (path,) = tmp_path.glob("features/*.npy")
    calls: list[int] = []

    def counted(images: Images) -> Array:
        calls.append(len(images))
        return opened.extractor.function(images)

    watched = replace(opened, extractor=replace(opened.extractor, function=counted))
    np.testing.assert_array_equal(cached_features(watched, IMAGES, "x", cache=tmp_path), first)
    assert not calls
    path.write_bytes(path.read_bytes()[:-9])
    np.testing.assert_array_equal(cached_features(watched, IMAGES, "x", cache=tmp_path), first)
    assert calls == [9]
    cached_features(watched, IMAGES[::-1], "x", cache=tmp_path)
    other = replace(watched, extractor=replace(watched.extractor, fingerprint="another"))
    cached_features(other, IMAGES, "x", cache=tmp_path)
    assert calls == [9, 9, 9]


def test_a_cache_that_cannot_be_written_costs_no_more_than_time(host: Host, tmp_path: Path) -> None:
    (tmp_path / "features").write_text("a file where a folder should be")
    opened = open_extractor("pixels", SHAPE, host)
    assert len(cached_features(opened, IMAGES, "x", cache=tmp_path)) == 9
