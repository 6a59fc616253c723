"""The Python face, whole runs through a backend and a data set that tests bring along."""

import pydoc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import (
    FAKE_BACKEND,
    core_host,
    fakes_plugin,
    loss,
    module,
    penalty,
    set_host,
    states_equal,
    use_host,
)

import ganforge
from ganforge.errors import DataError, GanforgeError, PluginError, RecipeError, RunError, SpecError
from ganforge.generation.model import Model
from ganforge.plugins import host as plugins
from ganforge.spec.arrays import State
from ganforge.training.backends import default_backend
from ganforge.training.run import Run
from ganforge.training.run_folder import CHECKPOINTS


def train(**more: Any) -> Run:
    return ganforge.train("./r.toml", **more)


def state_of(model: Model) -> State:
    return model.session.state()


# Describing ----------------------------------------------------------------------------------------------------------


def test_describe_lays_one_over_the_other(place: Path) -> None:
    recipe = ganforge.load_recipe(
        "./r.toml",
        data="images",
        overrides={"training": {"batch_size": 9, "latent": {"size": 5}}, "image_size": 16},
        assignments=("training.batch_size=7",),
    )
    assert (recipe.name, recipe.image_size, recipe.training.batch_size, recipe.training.latent.size) == ("r", 16, 7, 5)
    assert recipe.data.path == str(place / "images")
    assert recipe.training.discriminator.updates == 2


def test_another_data_set_drops_the_options_of_the_old_one(place: Path) -> None:
    Path("o.toml").write_text("[data]\nset = 'stripes'\ncount = 7\npath = 'x'")
    assert ganforge.load_recipe("./o.toml").data.options == {"count": 7}
    other = ganforge.load_recipe("./o.toml", dataset="folder").data
    assert (other.set, other.options, other.path) == ("folder", {}, None)
    assert ganforge.load_recipe("./o.toml", dataset="stripes").data.options == {"count": 7}


# Training ------------------------------------------------------------------------------------------------------------


def test_a_run_leaves_what_it_takes_to_know_it(place: Path) -> None:
    run = train(out="out")
    assert (run.step, run.stop, run.folder) == (10, 10, Path("out"))
    recipe = ganforge.load("out").recipe
    assert (recipe.channels, recipe.class_names) == (1, ("low", "middle", "high"))
    assert (recipe.run.steps, recipe.run.backend, recipe.name) == (10, "fake", "r")
    assert recipe == run.recipe
    assert sorted(path.name for path in (place / "out" / CHECKPOINTS).iterdir()) == [
        "step-00000004",
        "step-00000008",
        "step-00000010",
    ]


def test_runs_are_numbered(place: Path) -> None:
    assert [train().folder for _ in range(2)] == [Path("runs/00000-r-fake"), Path("runs/00001-r-fake")]


def test_epochs_become_steps(place: Path) -> None:
    recipe = ganforge.load_recipe("./r.toml", overrides={"run": {"steps": None, "epochs": 3}})
    run = ganforge.train(recipe)
    assert run.step == 3 * (20 // 4) // 2
    assert ganforge.load(run.folder).recipe.run.epochs is None


def test_the_seed_decides(place: Path) -> None:
    one, again, other = (train(overrides={"run": {"seed": seed}}) for seed in (0, 0, 1))
    assert states_equal(state_of(one.model), state_of(again.model))
    assert not states_equal(state_of(one.model), state_of(other.model))


def test_preparing_is_told(place: Path) -> None:
    told: list[tuple[int, int]] = []
    train(on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (20, 20)


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"backend": "fkae"}, PluginError, "did you mean 'fake'"),
        ({"backend": "absent"}, PluginError, r"pip install 'ganforge\[absent\]'"),
        ({"dataset": "stirpes"}, PluginError, "did you mean 'stripes'"),
        ({"data": "nowhere"}, DataError, "no stripes at .*nowhere"),
        ({"overrides": {"data": {"labelled": False}}}, DataError, "trains on labels"),
        ({"overrides": {"data": {"count": 3}}}, DataError, "fewer than a batch of 4"),
        ({"overrides": {"data": {"cuont": 3}}}, RecipeError, "did you mean 'count'"),
        ({"overrides": {"image_size": 7}}, SpecError, "8 pixels or more"),
        ({"overrides": {"training": {"loss": {"name": "hing"}}}}, PluginError, "did you mean 'hinge'"),
        ({"overrides": {"trainin": {}}}, RecipeError, "did you mean 'training'"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_before_there_is_a_folder(
    more: dict[str, Any], error: type[GanforgeError], said: str, place: Path
) -> None:
    with pytest.raises(error, match=said):
        train(**more)
    assert not (place / "runs").exists()


def test_an_unknown_recipe(place: Path) -> None:
    with pytest.raises(RecipeError, match=r"unknown recipe 'digts' .*; did you mean 'digits'"):
        ganforge.train("digts")


def test_a_folder_that_is_taken_costs_no_preparation(place: Path) -> None:
    Path("out").mkdir()
    Path("out/mine").write_text("mine")
    told: list[Any] = []
    with pytest.raises(RunError, match="out already exists"):
        train(out="out", on_progress=lambda *numbers: told.append(numbers))
    assert list(Path("out").iterdir()) == [Path("out/mine")]
    assert told == []


def test_without_any_framework(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = module(
        "only_absent", ganforge_backends=lambda: (fakes_plugin().ganforge_backends()[1],), ganforge_datasets=lambda: ()
    )
    host, _ = core_host(absent)
    set_host(monkeypatch, host)
    with pytest.raises(
        PluginError, match=r"no framework is installed; run one of:\n    pip install 'ganforge\[absent\]'"
    ):
        ganforge.train("./r.toml")


def test_without_any_backend_plugin() -> None:
    """There is nothing to install: GANFORGE_PLUGINS may have left them all out."""
    with pytest.raises(PluginError, match=r"^no backend plugin is loaded; .*GANFORGE_PLUGINS"):
        default_backend(core_host()[0])


def test_the_lowest_rank_of_what_is_installed_is_taken(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    better = module("better", ganforge_backends=lambda: (replace(FAKE_BACKEND, name="better", rank=0),))
    assert default_backend(plugins.default_host()) == "fake"
    assert default_backend(use_host(monkeypatch, better)) == "better"


def test_settings_by_their_names(place: Path) -> None:
    run = train(
        steps=1,
        seed=3,
        batch_size=6,
        precision="float64",
        device="cpu",
        overrides={"run.log_every": 1, "image_size": 9},
    )
    settings = run.recipe.run
    assert (settings.steps, settings.seed, settings.precision, settings.device) == (1, 3, "float64", "cpu")
    assert (run.recipe.training.batch_size, settings.log_every, run.recipe.image_size) == (6, 1, 9)
    assert train(epochs=2).step == 2 * (20 // 4) // 2


def test_a_recipe_as_a_dict(place: Path) -> None:
    assert ganforge.train({"extends": "./r.toml", "name": "mine", "run.steps": 1}).folder.name == "00000-mine-fake"
    assert ganforge.train(Path("r.toml"), steps=1).step == 1


def test_the_python_face_shows_its_names() -> None:
    classes, rooms = ["GanforgeError", "Model", "Recipe", "Run"], ["generation", "spec"]
    functions = ["build", "evaluate", "hookimpl", "load", "load_recipe", "register", "resume", "train"]
    assert dir(ganforge) == [*classes, *sorted([*functions, *rooms])]
    page = pydoc.render_doc(ganforge, renderer=pydoc.plaintext)
    assert all(f"    {name}(" in page for name in ("build", "evaluate", "load", "load_recipe", "resume", "train"))


# Loading -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bce", "softmax"])
def test_a_run_is_drawn_without_the_plugins_of_its_data_set_loss_and_penalty(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = replace(loss(name), name="lost"), replace(penalty("r1"), name="lost")
    use_host(monkeypatch, module("lost", ganforge_losses=lambda: entries))
    choices = {"training.loss": {"name": "lost"}, "training.penalty": {"name": "lost", "weight": 2.0}}
    run = train(out="run", steps=2, overrides=choices)

    host, _ = core_host(module("backend_alone", ganforge_backends=lambda: (FAKE_BACKEND,)))
    set_host(monkeypatch, host)
    model = ganforge.load("run")
    assert np.array_equal(model.sample(5), run.model.sample(5))
    trained = run.model.gan.shapes.items()
    assert model.gan.shapes == {name: shape for name, shape in trained if not name.startswith("optimizer/")}
    for function in (model.gan.loss.discriminator, model.gan.loss.generator, model.gan.penalty.penalty):
        with pytest.raises(
            PluginError, match=r"no plugin gives (loss|penalty) 'lost'; this model can draw images, but"
        ):
            function(None, None, None, None)
    with pytest.raises(PluginError, match="unknown data set 'stripes'"):
        ganforge.resume("run", steps=3)


LINEAR = {"kind": "dense", "units": "logits"}
NORMED = LINEAR | {"spectral_norm": True}
PROJECTED = {"kind": "project_label"}


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("bce", {"kind": "residual", "layers": [PROJECTED], "shortcut": [LINEAR]}),
        ("bce", {"kind": "residual", "layers": [LINEAR], "shortcut": [PROJECTED]}),
        ("softmax", {"kind": "residual", "layers": [LINEAR], "shortcut": [NORMED]}),
        ("softmax", {"kind": "residual", "layers": [LINEAR], "shortcut": [{"kind": "dense", "units": 2}]}),
        ("softmax", {"kind": "dense", "units": 2, "spectral_norm": True}),
    ],
)
def test_whatever_ends_a_discriminator_it_is_loaded_without_the_plugin_of_its_loss(
    name: str, last: dict[str, Any], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of its arrays by name is no layer's that makes logits."""
    lost = replace(loss(name), name="lost")
    use_host(monkeypatch, module("lost", ganforge_losses=lambda: (lost,)))
    generator = [
        *({"kind": "join_label"}, {"kind": "dense", "units": ["1/1", "channels"]}),
        {"kind": "reshape", "shape": ["1/1", "channels"]},
    ]
    discriminator = [{"kind": "join_label"}, {"kind": "flatten"}, {"kind": "dense", "units": 5}, last]
    layers = {"architecture": None, "generator": generator, "discriminator": discriminator}
    recipe = layers | {"training.loss": {"name": "lost"}}
    run = train(out="run", steps=1, overrides=recipe)
    host, _ = core_host(module("backend_alone", ganforge_backends=lambda: (FAKE_BACKEND,)))
    set_host(monkeypatch, host)
    model = ganforge.load("run")
    assert model.gan.discriminator[-1].output == (lost.outputs,)
    assert np.array_equal(model.sample(5), run.model.sample(5))


def test_a_device_for_a_loaded_or_built_model(place: Path) -> None:
    train(out="run", steps=1)
    assert ganforge.load("run", device="cpu").recipe.run.device == "cpu"
    assert ganforge.load("run").recipe.run.device == "auto"
    built = ganforge.build("./r.toml", device="cpu", precision="float64", seed=4).recipe.run
    assert (built.device, built.precision, built.seed) == ("cpu", "float64", 4)
