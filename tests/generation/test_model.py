"""Taking images from a trained model, and building one that is not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeSession, states_equal, work_in
from safetensors import safe_open
from safetensors.numpy import save_file

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
    images = model.sample(5)
    assert (images.shape, images.dtype) == ((5, 8, 8, 1), np.uint8)
    assert len({image.tobytes() for image in images}) > 1


def test_a_seed_is_the_same_image_whatever_stands_beside_it(model: Model) -> None:
    alone = model.sample(seeds=[17], labels=[1])[0]
    assert (model.sample(seeds=[3, 17, 5], labels=[0, 1, 2])[1] == alone).all()
    assert (model.sample(seeds=[17, 17], labels=[2, 1])[1] == alone).all()
    assert (model.sample(seeds=[17, 17], labels=[2, 1])[0] != alone).any()


def test_labels_by_default_go_round(model: Model) -> None:
    assert (model.sample(4) == model.sample(seeds=[0, 1, 2, 3], labels=[0, 1, 2, 0])).all()


def test_averaged_weights_draw_the_images(model: Model) -> None:
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


# Drawing from latents ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latents", "labels", "said"),
    [
        (np.zeros(3), [0], r"shape \(N, 3\), not \(3,\)"),
        (np.zeros((2, 4)), [0, 1], r"shape \(N, 3\), not \(2, 4\)"),
        (np.zeros((0, 3)), [], r"shape \(N, 3\), not \(0, 3\)"),
        (np.full((1, 3), np.nan), [0], "must be finite"),
        ("abc", [0], "array of numbers"),
        (np.zeros((2, 3)), [0], "1 labels are given for 2 images"),
        (np.zeros((1, 3)), [7], "there is no label 7"),
        (np.zeros((1, 3)), [0.5], "whole numbers"),
        (np.zeros((1, 3)), None, "needs a label"),
    ],
)
def test_draw_checks_what_it_is_given(latents: Any, labels: Any, said: str, model: Model) -> None:
    with pytest.raises(GanforgeError, match=said):
        model.draw(latents, labels)


def test_draw_takes_lists_and_gives_the_images_of_seeds(model: Model) -> None:
    latents = ganforge.generation.latents_of(model.gan.protocol.latent, [4, 5])
    assert (model.draw(latents.tolist(), [1, 2]) == model.sample(seeds=[4, 5], labels=[1, 2])).all()


# One file ------------------------------------------------------------------------------------------------------------


def test_a_model_in_one_file(model: Model, place: Path) -> None:
    path = model.save("some/where.safetensors")
    loaded = ganforge.load(path)
    assert (loaded.step, loaded.recipe) == (10, model.recipe)
    assert states_equal(loaded.session.state(), model.session.state())
    assert not any(name.startswith("optimizer/") for name in loaded.session.state())


def test_a_file_without_the_discriminator_draws_the_same(model: Model, place: Path) -> None:
    whole, slim = model.save("whole.safetensors"), model.save("slim.safetensors", discriminator=False)
    assert slim.stat().st_size < whole.stat().st_size
    assert (ganforge.load(slim).sample(4) == model.sample(4)).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 3], ids=str)
def test_weights_of_a_file_that_are_no_numbers(wrong: float, model: Model, place: Path) -> None:
    """Images of them would be black."""
    path = model.save("model.safetensors")
    with safe_open(path, "numpy") as whole:
        arrays, metadata = {name: whole.get_tensor(name) for name in whole.keys()}, whole.metadata()
    name = max(arrays)
    arrays[name] = np.full(arrays[name].shape, wrong)
    save_file(arrays, path, metadata)
    with pytest.raises(GanforgeError, match=f"model.safetensors is damaged: {name} holds values"):
        ganforge.load(path)


@pytest.mark.parametrize("chosen", [{"best": True}, {"checkpoint": 3}])
def test_a_file_has_no_checkpoints(model: Model, place: Path, chosen: dict[str, Any]) -> None:
    path = model.save("model.safetensors")
    with pytest.raises(GanforgeError, match=r"is the file of one model.*no checkpoints"):
        ganforge.load(path, **chosen)


def test_a_file_of_another_kind_or_a_damaged_one(model: Model, place: Path) -> None:
    with pytest.raises(GanforgeError, match=r"ends in \.safetensors"):
        model.save("model.pt")
    path = model.save("model.safetensors")
    content = path.read_bytes()
    for wrong in (b"", content[:100], b"\xff" * 64, content[:-10], content.replace(b"ganforge", b"ganfogre")):
        path.write_bytes(wrong)
        with pytest.raises(GanforgeError, match="is not a model that ganforge saved, or is damaged"):
            ganforge.load(path)
    path.write_bytes(content.replace(b'\\"format\\": 1', b'\\"format\\": 7'))
    with pytest.raises(GanforgeError, match="has format 7"):
        ganforge.load(path)


def test_loading_a_run_reads_no_array_of_the_optimizers(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors

    read: list[str] = []
    whole = safetensors.safe_open

    class Watching:
        def __init__(self, *arguments: Any) -> None:
            self.inner = whole(*arguments)

        def __enter__(self) -> Any:
            self.inner.__enter__()
            return self

        def __exit__(self, *error: Any) -> None:
            self.inner.__exit__(*error)

        def keys(self) -> Any:
            return self.inner.keys()

        def get_slice(self, name: str) -> Any:
            return self.inner.get_slice(name)

        def get_tensor(self, name: str) -> Any:
            read.append(name)
            return self.inner.get_tensor(name)

    monkeypatch.setattr(safetensors, "safe_open", Watching)
    ganforge.load("run")
    assert read
    assert not [name for name in read if name.startswith("optimizer/")]
