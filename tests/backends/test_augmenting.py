"""Augmentation in every framework: numbers worked by hand, nothing at probability 0, and ADA's controller."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frameworks import FRAMEWORKS, TORCH_FIRST, framework, need, open_session, same_bits
from tiers import slow

import ganforge
from ganforge.backend.augmenting import adapted, augmented
from ganforge.backend.host_augmenting import augmented_on_host
from ganforge.spec.augmentation import IMAGES, PROBABILITY, SIGNS, Adaptive, Augmentation, Draws, draw
from ganforge.testing.tiny_gans import TINY, inputs

IMAGE = np.array([[[0.0, 0.2, 0.4], [0.5, 0.5, -0.4], [-1.0, 1.0, 0.3]], [[0.1] * 3, [0.7] * 3, [0.9, 0.0, 0.0]]])
"""2 x 3, in color."""
NOTHING = Draws(*[0.5] * 6, brightness=0.0, saturation=1.0, contrast=1.0, down=0, right=0, top=0, left=0)

CASES: dict[str, tuple[Augmentation, Draws, np.ndarray]] = {
    "flip": (Augmentation(flip=True), NOTHING._replace(flips=0.1), IMAGE[:, ::-1]),
    "brightness": (Augmentation(brightness=0.5), NOTHING._replace(brightness=0.25), IMAGE + 0.25),
    "saturation": (
        Augmentation(saturation=1.0),
        NOTHING._replace(saturation=0.5),
        np.array(
            [[[0.1, 0.2, 0.3], [0.35, 0.35, -0.1], [-0.45, 0.55, 0.2]], [[0.1] * 3, [0.7] * 3, [0.6, 0.15, 0.15]]]
        ),
    ),
    "contrast": (Augmentation(contrast=0.5), NOTHING._replace(contrast=1.5), 1.5 * IMAGE - 0.5 * IMAGE.mean()),
    "translation": (
        Augmentation(translation=0.5),
        NOTHING._replace(down=1, right=-1),
        np.array([[[0.0] * 3] * 3, [[0.5, 0.5, -0.4], [-1.0, 1.0, 0.3], [0.0] * 3]]),
    ),
    "cutout": (
        Augmentation(cutout=0.6),  # 1 row, 2 columns
        NOTHING._replace(top=1, left=-1),
        np.array([IMAGE[0].tolist(), [[0.0] * 3, [0.7] * 3, [0.9, 0.0, 0.0]]]),
    ),
    "flip, then moved": (
        Augmentation(flip=True, translation=0.5),
        NOTHING._replace(flips=0.1, right=1),
        np.concatenate([np.zeros((2, 1, 3)), IMAGE[:, :0:-1]], axis=1),
    ),
}


@pytest.mark.parametrize("name", TORCH_FIRST)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_an_image_worked_by_hand(name: str, case: str, low: float) -> None:
    settings, drawn, expected = CASES[case]
    there, images = framework(name), np.stack([IMAGE, IMAGE])
    draws = np.array([drawn, NOTHING._replace(**dict.fromkeys(Draws._fields[:6], 0.9))])  # the second is left alone
    if low == 0.0:
        images, expected = (images + 1) / 2, (expected + 1) / 2

    def shown(x: Any, draws: Any) -> list[Any]:
        return [augmented(there.ops, settings, x, draws, 0.8, (low, 1.0))]

    (found,) = there.call(shown, there.tensor(images), there.tensor(draws))
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found[1], images[1], rtol=0, atol=0 if low else 1e-15)
    np.testing.assert_allclose(augmented_on_host(settings, images, draws, 0.8, (low, 1.0)), found, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", TORCH_FIRST)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_at_probability_0_no_bit_changes_and_at_1_every_image_does(name: str, precision: str) -> None:
    there = framework(name)
    settings = Augmentation(flip=True, brightness=0.5, saturation=1.0, contrast=0.5, translation=0.2, cutout=0.5)
    images = np.random.default_rng(0).uniform(-1, 1, (20, 8, 6, 3)).astype(precision)
    draws = draw(settings, (8, 6, 3), np.random.default_rng(1), 20).astype(precision)

    def shown(x: Any, draws: Any) -> list[Any]:
        return [augmented(there.ops, settings, x, draws, p, (-1.0, 1.0)) for p in (0.0, 1.0)]

    same, other = there.call(shown, there.tensor(images), there.tensor(draws))
    assert same.tobytes() == images.tobytes()
    assert (np.abs(other - images).max((1, 2, 3)) > 0.01).all()


def test_half_of_the_images_are_flipped_at_most() -> None:
    settings = Augmentation(flip=True)
    images = np.broadcast_to(np.arange(2.0), (4000, 1, 2)).reshape(4000, 1, 2, 1)
    draws = draw(settings, (1, 2, 1), np.random.default_rng(0), 4000)
    for probability in (1.0, 0.5):
        found = augmented_on_host(settings, images, draws, probability, (-1.0, 1.0))
        assert found[:, 0, 0, 0].mean() == pytest.approx(probability / 2, abs=0.02)


# The controller -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logits", "before", "after"),
    [
        ([2.0, 0.1, -3.0, 0.0], (0.5, 0.0, 0.0), (0.5, 1.0, 4.0)),  # the interval goes on
        ([2.0, 0.1, 3.0, 5.0], (0.5, 1.0, 4.0), (0.6, 0.0, 0.0)),  # 5 of 8 is above a half: 8 of 80 images
        ([2.0, 0.1, -3.0, 5.0], (0.5, 1.0, 4.0), (0.4, 0.0, 0.0)),
        ([2.0, 0.1, 3.0, 0.0], (0.5, 1.0, 4.0), (0.5, 0.0, 0.0)),  # just a half
        ([1.0] * 4, (0.95, 4.0, 4.0), (1.0, 0.0, 0.0)),
        ([-1.0] * 4, (0.05, 0.0, 4.0), (0.0, 0.0, 0.0)),
    ],
)
@pytest.mark.parametrize("name", TORCH_FIRST)
def test_the_probability_follows_the_signs(name: str, logits: list[float], before: Any, after: Any) -> None:
    there, gan = framework(name), TINY["augmented-adaptive"]
    augment = Augmentation(flip=True, probability=Adaptive(target=0.5, interval=2, images=80))
    gan = replace(gan, protocol=type(gan.protocol)(batch_size=4, latent=gan.protocol.latent, augment=augment))
    runtime: Any = open_session(name, gan)._runtime  # type: ignore[attr-defined]
    names = (PROBABILITY, SIGNS, IMAGES)

    def moved(logits: Any, *state: Any) -> Any:
        return adapted(runtime, gan, dict(zip(names, state, strict=True)), logits)

    given = (np.array([[each] for each in logits]), *(np.array([each]) for each in before))
    found = there.call(moved, *map(there.tensor, given))
    assert [found[each][0] for each in names] == pytest.approx(after, rel=0, abs=1e-15)


@pytest.mark.parametrize("precision", ["float32", slow("float64")])
def test_every_framework_moves_the_probability_alike(precision: Any) -> None:
    gan = TINY["augmented-adaptive"]
    ends = []
    for name in [each for each in FRAMEWORKS if each != "jax"]:
        need(name)
        session = open_session(name, gan, precision)
        for number in range(8):
            session.step(inputs(gan, 0, number))
        ends.append([session.state()[each].tobytes() for each in gan.kept])
    assert all(each == ends[0] for each in ends)
    assert np.frombuffer(ends[0][0], precision)[0] > 0.1


def test_a_resumed_run_goes_on_with_its_probability(tmp_path: Path) -> None:
    need("torch")
    augment = {"translation": 0.2, "cutout": 0.3, "probability": {"target": 0.0, "interval": 1, "images": 100}}
    recipe = {
        "name": "r",
        "image_size": 16,
        "architecture": {"name": "dcgan", "width": 4},
        "training": {"batch_size": 8, "augment": augment},
        "training.discriminator.optimizer.learning_rate": 0.01,
        "run": {"steps": 8, "log_every": 1, "device": "cpu"},
    }
    whole = ganforge.train(recipe, out=tmp_path / "whole", backend="torch", quiet=True)
    told = whole.history["augment_probability"]
    assert len({*told.tolist()}) > 3, told
    ganforge.train(recipe, out=tmp_path / "stopped", backend="torch", quiet=True, steps=5)
    resumed = ganforge.resume(tmp_path / "stopped", steps=8, quiet=True)
    assert same_bits(whole.model.session.state(), resumed.model.session.state())
