"""Augmentation: what is drawn, and settings that cannot be."""

import re
from typing import Any

import numpy as np
import pytest

from ganforge.errors import RecipeError, SpecError
from ganforge.recipes.parsing import parse
from ganforge.recipes.tables import to_table
from ganforge.spec.augmentation import Adaptive, Augmentation, Draws, draw
from ganforge.spec.costs import step_operations
from ganforge.spec.layers import Flatten, Reshape, Tanh
from ganforge.spec.protocol import TargetChoice
from ganforge.spec.regularization import Consistency, LeCam
from ganforge.testing.tiny_gans.parts import ONE, dense, gan

ALL = Augmentation(flip=True, brightness=0.5, saturation=1.0, contrast=0.5, translation=0.125, cutout=0.5)


def drawn(settings: Augmentation, image: tuple[int, int, int], count: int = 5000) -> Draws:
    return Draws(*draw(settings, image, np.random.default_rng(0), count).T)


def test_amounts_and_places_are_those_of_the_papers() -> None:
    found = drawn(ALL, (32, 16, 3))
    for lots in found[:6]:
        assert 0.0 <= lots.min() < 0.01 and 0.99 < lots.max() < 1.0
        assert (lots * 2**24 % 1 == 0).all()  # the same in float32
    assert -0.5 <= found.brightness.min() < -0.49 and 0.49 < found.brightness.max() < 0.5
    assert 0.0 <= found.saturation.min() < 0.01 and 1.99 < found.saturation.max() < 2.0
    assert 0.5 <= found.contrast.min() < 0.51 and 1.49 < found.contrast.max() < 1.5
    assert sorted({*found.down}) == list(range(-4, 5))
    assert sorted({*found.right}) == list(range(-2, 3))
    # A box of 16 rows has its middle on one of the 33 lines between pixels, the first and last among them.
    assert sorted({*found.top}) == list(range(-8, 25))
    assert sorted({*found.left}) == list(range(-4, 13))
    odd = drawn(Augmentation(cutout=0.2), (16, 16, 1))  # 3 pixels: the middle one is in the image
    assert sorted({*odd.top}) == list(range(-1, 15))


def test_shares_of_a_side_are_rounded_to_pixels() -> None:
    assert {*drawn(Augmentation(translation=0.1), (15, 14, 1)).down} == {-2, -1, 0, 1, 2}
    assert {*drawn(Augmentation(translation=0.1), (15, 14, 1)).right} == {-1, 0, 1}


def recipe(augment: object) -> Any:
    return parse({"name": "r", "training": {"augment": augment}})


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        ({}, "nothing is to be done to the images; set one of flip, brightness, saturation, contrast, translation"),
        ({"probability": 0.5}, "nothing is to be done"),
        ({"flip": 1}, "training.augment.flip must be true or false, not a whole number"),
        ({"fliip": True}, "unknown key 'fliip' in [training.augment]; did you mean 'flip'?"),
        ({"flip": True, "probability": 1.5}, "training.augment.probability must be a number > 0 and <= 1"),
        ({"flip": True, "probability": 0}, "training.augment.probability must be a number > 0 and <= 1"),
        ({"flip": True, "probability": "often"}, "training.augment.probability must be a number or a table, not text"),
        ({"flip": True, "probability": {"target": 1}}, "training.augment.probability.target must be a number > -1"),
        ({"flip": True, "probability": {"interval": 0}}, "probability.interval must be a whole number >= 1"),
        ({"translation": 1.0}, "training.augment.translation must be a number >= 0 and < 1"),
        ({"cutout": 1.1}, "training.augment.cutout must be a number >= 0 and <= 1"),
        ({"contrast": 2}, "training.augment.contrast must be a number >= 0 and <= 1"),
        ({"brightness": -0.5}, "training.augment.brightness must be a number >= 0"),
    ],
)
def test_a_setting_that_cannot_be_is_named(augment: object, said: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(said)):
        recipe(augment)


@pytest.mark.parametrize("probability", [0.4, {"target": 0.5}])
def test_a_recipe_has_a_number_or_a_controller(probability: object) -> None:
    given = recipe({"flip": True, "probability": probability})
    assert given.training.augment.probability == (0.4 if probability == 0.4 else Adaptive(target=0.5))
    assert parse(to_table(given)) == given


def tiny(channels: int = 1, size: int = 3, outputs: int = 1, **settings: Any) -> Any:
    image = (size, size, channels)
    return gan(
        (dense(units=size * size * channels), Reshape(shape=image), Tanh()),
        (Flatten(), *(ONE if outputs == 1 else (dense(units=outputs),))),
        image,
        **settings,
    )


ADAPTIVE = Augmentation(flip=True, probability=Adaptive())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"augment": Augmentation(translation=0.1)}, "translation 0.1 of 3 x 3 is not a pixel; take 0.17"),
        ({"augment": Augmentation(cutout=0.1)}, "cutout 0.1 of 3 x 3 is not a pixel"),
        ({"augment": Augmentation(saturation=1.0)}, "saturation changes nothing of grey images, and nothing else"),
        ({"augment": ADAPTIVE, "loss": "softmax", "outputs": 2}, "the loss 'softmax' has 2 for an image"),
        ({"augment": ADAPTIVE, "loss": "wasserstein"}, "the loss 'wasserstein' gives them no zero"),
        ({"augment": ADAPTIVE, "targets": TargetChoice(real=0.0, fake=1.0)}, "targets.real 0 is not above"),
        ({"augment": ADAPTIVE, "loss": "least-squares"}, "from targets.fake 0 to targets.real 1; take -1 and 1"),
    ],
)
def test_an_augmentation_that_does_not_fit_the_gan_is_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=re.escape(said)) as raised:
        tiny(**settings)
    assert "training.augment" in str(raised.value)


def test_what_fits_is_taken() -> None:
    assert tiny(augment=Augmentation(saturation=1.0, flip=True)).kept == ()
    assert tiny(channels=3, augment=Augmentation(saturation=1.0)).kept == ()
    assert tiny(augment=ADAPTIVE, loss="least-squares", targets=TargetChoice(real=1.0, fake=-1.0)).kept
    state = tiny(augment=ADAPTIVE).initial_state(0)
    assert {name: each.tolist() for name, each in state.items() if name.startswith("augment/")} == {
        "augment/probability": [0.0],
        "augment/signs": [0.0],
        "augment/images": [0.0],
    }


# Consistency, LeCam, mirror and random crop ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"consistency": {"real": 0}}, "both weights are 0; give real or fake one"),
        ({"consistency": {"real": -1}}, "training.consistency.real must be a number >= 0"),
        ({"consistency": {"augment": {}}}, "nothing is to be done to the images"),
        ({"consistency": {"augment": {"flip": True, "probability": {}}}}, "augment.probability must be a number here"),
        ({"lecam": {"weight": 0}}, "training.lecam.weight must be a number > 0"),
        ({"lecam": {"decay": 1}}, "training.lecam.decay must be a number >= 0 and < 1"),
        ({"mirror": 1}, "training.mirror must be true or false"),
        ({"random_crop": -1}, "training.random_crop must be a whole number >= 0"),
    ],
)
def test_a_regularizer_that_cannot_be_is_named(training: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(said)):
        parse({"name": "r", "training": training})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"random_crop": 3}, "training.random_crop 3 is too much for images of 3 x 3; take at most 2"),
        ({"consistency": Consistency()}, "training.consistency.augment.translation 0.125 of 3 x 3 is not a pixel"),
        ({"lecam": LeCam(), "loss": "softmax", "outputs": 2}, "training.lecam compares one logit of each image, but"),
        (
            {"consistency": Consistency(), "loss": "softmax", "outputs": 2, "size": 4},
            "training.consistency compares one logit of each image, but the loss 'softmax' has 2",
        ),
    ],
)
def test_a_regularizer_that_does_not_fit_the_gan_is_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=re.escape(said)):
        tiny(**settings)


def test_consistency_costs_a_pass_for_each_term() -> None:
    plain, cr, bcr = (
        step_operations(tiny(size=4, consistency=each)) for each in (None, Consistency(), Consistency(fake=10.0))
    )
    assert cr - plain == bcr - cr == 2 * 4 * 3 * 16  # batch 4; 16 products, forward and twice back


def test_the_averages_of_lecam_are_of_the_state() -> None:
    gan = tiny(lecam=LeCam(), augment=ADAPTIVE)
    assert gan.kept == ("augment/probability", "augment/signs", "augment/images", "lecam/real", "lecam/fake")
    assert list(gan.shapes)[-5:] == list(gan.kept)
