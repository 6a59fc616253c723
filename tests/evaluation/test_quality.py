"""The measures see what eyes see, on real images: noise, blur, missing classes; and they accuse no real image.

1,000 real images against 1,000 others that something has been done to, by each extractor and on two data sets.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from tiers import slow

from ganforge.data.contract import DatasetEntry
from ganforge.data.extractors import ExtractorEntry
from ganforge.evaluation import Measures, measure
from ganforge.evaluation.extracting import missing
from ganforge.evaluation.neighbours import distances
from ganforge.plugins.host import default_host
from ganforge.spec.arrays import Images, Labels

COUNT = 1000
PLACES = {"mnist": "mnist", "cifar10": "cifar10/cifar-10-lossless-4000.tar.gz"}

Found = Callable[[str, str], dict[str, Measures]]


def noisy(images: Images, deviation: float) -> Images:
    moved = images + np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def blurred(images: Images, radius: float) -> Images:
    filtered = (Image.fromarray(image.squeeze()).filter(ImageFilter.GaussianBlur(radius)) for image in images)
    return np.stack([np.asarray(image) for image in filtered]).reshape(images.shape)


@pytest.fixture(scope="module")
def measured(shared_data: Path) -> Found:
    """Measures by what was done to the images, of an extractor on a data set; computed once."""
    known: dict[tuple[str, str], dict[str, Measures]] = {}

    def found(extractor: str, data_set: str) -> dict[str, Measures]:
        if (extractor, data_set) not in known:
            known[extractor, data_set] = _measured(extractor, data_set, shared_data / PLACES[data_set])
        return known[extractor, data_set]

    return found


def drawn(data_set: str, path: Path, count: int) -> tuple[Images, Labels]:
    """Images of a data set by lot."""
    kind = default_host().find("ganforge_datasets", DatasetEntry, data_set, "data set")
    opened = kind.open(path, kind.options())
    order = np.random.default_rng(0).permutation(len(opened))[:count]
    images = np.stack([opened.read(int(index)) for index in order])
    return images, np.array([opened.label(int(index)) for index in order])


def _measured(extractor: str, data_set: str, path: Path) -> dict[str, Measures]:
    host = default_host()
    entry = host.find("ganforge_extractors", ExtractorEntry, extractor, "extractor")
    if missing(entry):
        pytest.skip(f"{missing(entry)} are not installed")
    images, labels = drawn(data_set, path, 4 * COUNT)
    features = entry.open(images.shape[1:], None).function
    real, others, classes = images[:COUNT], images[COUNT : 2 * COUNT], labels[COUNT:]
    sets = {
        "real": others,
        "noise 5": noisy(others, 5),
        "noise 10": noisy(others, 10),
        "noise 20": noisy(others, 20),
        "blur 0.7": blurred(others, 0.7),
        "blur 1.5": blurred(others, 1.5),
        "half of the classes": images[COUNT:][classes < 5][:COUNT],
        "two classes": images[COUNT:][classes < 2][:COUNT],
    }
    reference = features(real)
    return {name: measure(reference[: len(each)], features(each)) for name, each in sets.items()}


ALL = [slow(extractor, images) for extractor in ("random", "lite0") for images in ("mnist", "cifar10")]


@pytest.mark.parametrize(("extractor", "data_set"), ALL)
def test_real_images_are_as_good_as_real(measured: Found, extractor: str, data_set: str) -> None:
    real = measured(extractor, data_set)["real"]
    assert abs(real.kid) < 2 * real.kid_deviation
    assert real.density > 0.85 and real.coverage > 0.9


@pytest.mark.parametrize(("extractor", "data_set"), ALL)
@pytest.mark.parametrize(
    "worse",
    [
        ("real", "noise 5", "noise 10", "noise 20"),
        ("real", "blur 0.7", "blur 1.5"),
        ("real", "half of the classes", "two classes"),
    ],
    ids=lambda worse: worse[-1],
)
def test_kid_rises(measured: Found, extractor: str, data_set: str, worse: tuple[str, ...]) -> None:
    found = measured(extractor, data_set)
    kids = [found[name].kid for name in worse]
    assert kids == sorted(set(kids)), dict(zip(worse, kids, strict=True))


@pytest.mark.parametrize(("extractor", "data_set"), [ALL[0], *ALL[2:]])
def test_recall_falls_with_fewer_classes(measured: Found, extractor: str, data_set: str) -> None:
    """By random features the classes of CIFAR-10 cannot be told apart well enough."""
    found = measured(extractor, data_set)
    assert found["two classes"].recall < found["half of the classes"].recall < found["real"].recall


@pytest.mark.slow
@pytest.mark.parametrize("extractor", ["random", "lite0"])
def test_precision_falls_with_noise(measured: Found, extractor: str) -> None:
    """On digits; of photographs the next test says why it does not."""
    found = measured(extractor, "mnist")
    precisions = [found[name].precision for name in ("real", "noise 5", "noise 10", "noise 20")]
    assert precisions == sorted(precisions, reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize(("data_set", "outwards"), [("mnist", True), ("cifar10", False)])
def test_noise_moves_digits_outwards_and_photographs_to_the_middle(
    shared_data: Path, data_set: str, outwards: bool
) -> None:
    """Why precision does not fall with noise on photographs: they come nearer to real ones, in the features of lite0.

    Noise on a black ground is new to it; on a photograph it hides what there was, so that all become alike.
    """
    entry = default_host().find("ganforge_extractors", ExtractorEntry, "lite0", "extractor")
    if missing(entry):
        pytest.skip(f"{missing(entry)} are not installed")
    images, _ = drawn(data_set, shared_data / PLACES[data_set], 600)
    features = entry.open(images.shape[1:], None).function
    real, others = features(images[:300]), images[300:]

    def nearest(made: Images) -> float:
        return float(np.median(np.concatenate([block.min(axis=1) for _, block in distances(features(made), real)])))

    found = [nearest(others), *(nearest(noisy(others, deviation)) for deviation in (5, 10, 20))]
    assert found == sorted(found, reverse=not outwards), found
