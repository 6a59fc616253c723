"""Taking pictures from a trained model, and building one that is not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeSession, states_equal, work_in

import ganforge
from ganforge.errors import GanforgeError
from ganforge.generation.model import Model
from ganforge.plugins import host as plugins
from ganforge.training import data_sets
from ganforge.training.starting import plan


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch)


@pytest.fixture
def model(place: Path) -> Model:
    """Of a run of ten steps."""
    ganforge.train("./r.toml", out="run")
    return ganforge.load("run")


def test_load_gives_the_last_weights(place: Path) -> None:
    run = ganforge.train("./r.toml", out="run")
    model = ganforge.load("run")
    assert model.step == 10
    trained = run.model.session.state()
    assert states_equal(
        model.session.state(), {name: array for name, array in trained.items() if not name.startswith("optimizer/")}
    )


def test_sample(model: Model) -> None:
    pictures = model.sample(5)
    assert (pictures.shape, pictures.dtype) == ((5, 8, 8, 1), np.uint8)
    assert len({picture.tobytes() for picture in pictures}) > 1


def test_a_seed_is_the_same_picture_whatever_stands_beside_it(model: Model) -> None:
    alone = model.sample(seeds=[17], labels=[1])[0]
    assert (model.sample(seeds=[3, 17, 5], labels=[0, 1, 2])[1] == alone).all()
    assert (model.sample(seeds=[17, 17], labels=[2, 1])[1] == alone).all()
    assert (model.sample(seeds=[17, 17], labels=[2, 1])[0] != alone).any()


def test_labels_by_default_go_round(model: Model) -> None:
    assert (model.sample(4) == model.sample(seeds=[0, 1, 2, 3], labels=[0, 1, 2, 0])).all()


def test_averaged_weights_draw_the_pictures(model: Model) -> None:
    assert model.averaged
    before = model.sample(3)
    session = model.session
    assert isinstance(session, FakeSession)
    for name in session.arrays:
        if name.startswith("generator/"):
            session.arrays[name] = session.arrays[name] + 1
    assert (model.sample(3) == before).all()
    assert model.generator.averaged
    assert not model.discriminator.averaged


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"seeds": []}, "no seed"),
        ({"count": 0}, "no seed"),
        ({"seeds": [1, 2], "labels": [0]}, "1 labels are given for 2 images"),
        ({"seeds": [1], "labels": [3]}, "there is no label 3; labels are 0 to 2"),
        ({"seeds": [1], "labels": [-1]}, "there is no label -1"),
        ({"seeds": [1.5]}, "seeds must be whole numbers"),
        ({"seeds": "ab"}, "seeds must be whole numbers"),
        ({"seeds": [3, -1]}, "seeds are whole numbers from 0, not -1"),
        ({"seeds": [1], "labels": [2.7]}, "labels must be whole numbers"),
        ({"seeds": [1], "labels": 3}, "labels must be whole numbers"),
    ],
    ids=str,
)
def test_samples_that_cannot_be(asked: dict[str, Any], said: str, model: Model) -> None:
    with pytest.raises(GanforgeError, match=said):
        model.sample(**asked)


def test_labels_of_an_unconditional_model(place: Path) -> None:
    model = ganforge.build("./r.toml", overrides={"conditional": False, "channels": 1})
    assert model.sample(2).shape == (2, 8, 8, 1)
    with pytest.raises(GanforgeError, match="recipe 'r' is not conditional"):
        model.sample(seeds=[1], labels=[0])


def test_uniform_latents(place: Path) -> None:
    latent = {"distribution": "uniform", "low": 0.0, "high": 0.25}
    model = ganforge.build("./r.toml", overrides={"training": {"latent": latent}})
    assert model.sample(2, labels=[0, 0]).shape == (2, 8, 8, 1)


# Building ------------------------------------------------------------------------------------------------------------


def test_build_takes_what_is_open_from_the_data(place: Path) -> None:
    model = ganforge.build("./r.toml")
    assert (model.step, model.gan.classes, model.gan.image_shape) == (0, 3, (8, 8, 1))
    assert states_equal(model.session.state(), model.gan.initial_state(0))
    assert model.generator.network == "generator"


def test_build_needs_no_data_when_nothing_is_open(place: Path) -> None:
    overrides = {"data": {"set": "no such set"}, "channels": 3, "class_names": ["cat", "dog"], "run": {"seed": 4}}
    model = ganforge.build("./r.toml", overrides=overrides)
    assert (model.gan.classes, model.gan.image_shape) == (2, (8, 8, 3))
    assert states_equal(model.session.state(), model.gan.initial_state(4))


def test_plan_settles_without_preparing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_sets, "prepare", None)
    experiment = plan(ganforge.load_recipe("./r.toml"), plugins.default_host(), dry_run=True)
    assert experiment.recipe.class_names == ("low", "middle", "high")
    assert experiment.gan.image_shape == (8, 8, 1)
    assert not (place / "runs").exists()
