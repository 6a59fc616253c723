"""From names to things: what a recipe asks for and does not get is said before anything is spent on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from fakes import FAKE_BACKEND, StripeOptions, Stripes, core_host, fakes_plugin, module

from ganforge.backend.contract import BackendEntry
from ganforge.data.contract import DatasetEntry, ImageSet
from ganforge.data.preparing import Prepared
from ganforge.errors import DataError, GanforgeError, PluginError, RecipeError, SpecError
from ganforge.plugins.host import Host
from ganforge.recipes.completing import steps_in_all
from ganforge.recipes.parsing import parse
from ganforge.recipes.schema import Recipe
from ganforge.training.backends import choose_backend, find_backend, missing_modules
from ganforge.training.data_sets import open_data, with_data
from ganforge.training.experiment import images_hash, resolve_networks
from ganforge.training.models import open_model
from ganforge.training.parts import find_data_set


@pytest.fixture
def host() -> Host:
    return core_host(fakes_plugin())[0]


def recipe(**changes: Any) -> Recipe:
    table: dict[str, Any] = {
        "name": "x",
        "image_size": 8,
        "channels": 1,
        "data": {"set": "stripes"},
        "architecture": {"width": 2},
        "training": {"batch_size": 4, "latent": {"size": 3}},
    }
    return parse(table | changes)


def open_set(given: Recipe, host: Host) -> ImageSet:
    return open_data(given, find_data_set(given, host))


def completed(given: Recipe, host: Host) -> Recipe:
    return with_data(given, find_data_set(given, host))[0]


# Data ----------------------------------------------------------------------------------------------------------------


def test_a_data_set_is_opened_with_its_options(host: Host) -> None:
    image_set = open_set(recipe(data={"set": "stripes", "count": 7}), host)
    assert isinstance(image_set, Stripes)
    assert len(image_set) == 7


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ({"set": "stirpes"}, PluginError, "unknown data set 'stirpes'; did you mean 'stripes'"),
        ({"set": "stripes", "cuont": 3}, RecipeError, "data set 'stripes': unknown key 'cuont'; did you mean 'count'"),
        ({"set": "stripes", "count": "few"}, RecipeError, "data set 'stripes': count must be a whole number, not text"),
        ({"set": "stripes", "path": "/no/where"}, DataError, "no stripes at /no/where"),
    ],
    ids=str,
)
def test_data_that_is_refused(data: dict[str, Any], error: type[GanforgeError], said: str, host: Host) -> None:
    with pytest.raises(error, match=said):
        open_set(recipe(data=data), host)


def opening(seen: list[Any]) -> Callable[[Path | None, Any], Stripes]:
    def opened(path: Path | None, options: Any) -> Stripes:
        seen.append(path)
        return Stripes(StripeOptions())

    return opened


def needing(seen: list[Any]) -> DatasetEntry:
    return DatasetEntry(
        name="needy",
        summary="",
        license="",
        source="",
        open=opening(seen),
    )


def test_a_set_that_needs_a_path() -> None:
    seen: list[Any] = []
    host, _ = core_host(module("needy_plugin", ganforge_datasets=lambda: (needing(seen),)))
    with pytest.raises(DataError, match="'needy' needs the path of its images: --data PATH"):
        open_set(recipe(data={"set": "needy"}), host)
    open_set(recipe(data={"set": "needy", "path": "~/images"}), host)
    assert seen == [Path.home() / "images"]


def test_what_the_data_settles(host: Host) -> None:
    left_open = recipe(conditional=True)
    left_open = msgspec.structs.replace(left_open, channels=None)
    resolved = completed(left_open, host)
    assert (resolved.channels, resolved.class_names) == (1, ("low", "middle", "high"))
    assert completed(resolved, host) == resolved


def test_class_names_are_those_of_the_data_and_only_where_they_matter(host: Host) -> None:
    given = recipe(conditional=True, class_names=["a", "b"])
    assert completed(given, host).class_names == ("low", "middle", "high")
    assert completed(recipe(), host).class_names == ()


def test_channels_that_are_said_stay(host: Host) -> None:
    assert completed(recipe(channels=3), host).channels == 3


def test_labels_asked_of_a_set_without(host: Host) -> None:
    given = recipe(conditional=True, data={"set": "stripes", "labelled": False})
    with pytest.raises(DataError, match=r"trains on labels, but data set 'stripes' has none here; .*conditional=false"):
        completed(given, host)


# Networks ------------------------------------------------------------------------------------------------------------


def test_assemble(host: Host) -> None:
    gan = resolve_networks(recipe(conditional=True, class_names=["a", "b"], image_size="9x12"), host).gan
    assert (gan.image_shape, gan.classes, gan.loss.name, gan.penalty) == ((9, 12, 1), 2, "bce", None)


def test_assemble_gives_the_architecture_as_many_logits_as_the_loss_takes(host: Host) -> None:
    training = {"batch_size": 4, "loss": {"name": "softmax"}, "penalty": {"name": "r1", "weight": 2.0}}
    gan = resolve_networks(recipe(training=training), host).gan
    assert gan.discriminator[-1].output == (2,)
    assert gan.penalty is not None and gan.penalty.name == "r1"


WRITTEN = {
    "generator": [{"kind": "dense", "units": 64}, {"kind": "reshape", "shape": [8, 8, 1]}, {"kind": "tanh"}],
    "discriminator": [{"kind": "flatten"}, {"kind": "dense", "units": 1}],
}


def test_layers_that_are_written_out(host: Host) -> None:
    table = {"name": "x", "channels": 1, "image_size": 8, "training": {"latent": {"size": 3}}} | WRITTEN
    assert resolve_networks(parse(table), host).gan.image_shape == (8, 8, 1)
    with pytest.raises(GanforgeError, match=r"makes .*\(8, 8, 1\).*\(9, 9, 1\)"):
        resolve_networks(parse(table | {"image_size": 9}), host)


@pytest.mark.parametrize("empty", ["generator", "discriminator"])
def test_a_network_without_layers(empty: str, host: Host) -> None:
    table = {"name": "x", "channels": 1, "image_size": 8, "training": {"latent": {"size": 3}}} | WRITTEN | {empty: []}
    with pytest.raises(SpecError, match=f"the {empty} has no layers"):
        resolve_networks(parse(table), host)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"training": {"loss": {"name": "hing"}}}, PluginError, "unknown loss 'hing'; did you mean 'hinge'"),
        (
            {"training": {"penalty": {"name": "gradent", "weight": 1.0}}},
            PluginError,
            "unknown penalty 'gradent'; did you mean 'gradient'",
        ),
        ({"training": {"loss": {"name": "r1"}}}, PluginError, "unknown loss 'r1'"),
        ({"architecture": {"name": "dcgn"}}, PluginError, "unknown architecture 'dcgn'; did you mean 'dcgan'"),
        (
            {"architecture": {"kernl": 3}},
            RecipeError,
            "recipe 'x': architecture 'dcgan': unknown key 'kernl'; did you mean 'kernel'",
        ),
        ({"architecture": {"output": "tahn"}}, RecipeError, "unknown value 'tahn' at output; did you mean 'tanh'"),
        (
            {"training": {"loss": {"name": "hinge"}, "targets": {"real": 0.9}}},
            RecipeError,
            r"\[training.targets\] has no effect, as loss 'hinge' has none",
        ),
        ({"image_size": 7}, SpecError, "8 pixels or more on each side, not 7x7"),
        ({"conditional": True}, RecipeError, "say channels, and class_names"),
        ({"class_names": ["a"]}, RecipeError, "say channels, and class_names"),
        ({"training": {"batch_size": 1}, "architecture": {"kernel": 2}}, None, ""),
    ],
    ids=str,
)
def test_networks_that_are_refused(
    changes: dict[str, Any], error: type[GanforgeError] | None, said: str, host: Host
) -> None:
    if error is None:
        resolve_networks(recipe(**changes), host)
        return
    with pytest.raises(error, match=said):
        resolve_networks(recipe(**changes), host)


# Backends ------------------------------------------------------------------------------------------------------------


def backend(*modules: str) -> BackendEntry:
    return BackendEntry(
        name="some", summary="", modules=modules, install="ganforge[some]", open=lambda *given: given  # type: ignore[arg-type, return-value]
    )  # fmt: skip


def test_a_missing_framework_comes_with_the_line_that_installs_it(host: Host) -> None:
    with pytest.raises(PluginError, match=r"'absent' needs no_such_framework.* run: pip install 'ganforge\[absent\]'"):
        find_backend("absent", host)
    assert find_backend("fake", host) is FAKE_BACKEND


def test_a_misspelt_backend(host: Host) -> None:
    with pytest.raises(PluginError, match="unknown backend 'fkae'; did you mean 'fake'"):
        find_backend("fkae", host)


def test_modules_are_looked_for_without_importing_them() -> None:
    import sys

    assert "this" not in sys.modules
    assert missing_modules(backend("this", "numpy", "no_such", "no_such.either", "numpy.linalg")) == [
        "no_such",
        "no_such.either",
    ]
    assert "this" not in sys.modules


def test_a_session_is_opened_in_the_recipes_precision_and_on_its_device() -> None:
    host, _ = core_host(module("some_plugin", ganforge_backends=lambda: (backend("numpy"),)))
    given = recipe(run={"precision": "float64", "device": "cuda:1", "backend": "some"})
    experiment = resolve_networks(given, host, choose_backend(given, host))
    assert open_model(experiment, {}).session == (experiment.gan, {}, "float64", "cuda:1")  # type: ignore[comparison-overlap]


def test_a_precision_that_a_backend_does_not_have() -> None:
    host, _ = core_host(module("some_plugin", ganforge_backends=lambda: (backend("numpy"),)))
    given = recipe(run={"precision": "bfloat16", "backend": "some"})
    with pytest.raises(PluginError, match="backend 'some' has no bfloat16; take --precision float32 or float64"):
        choose_backend(given, host)


# Lengths and hashes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "updates", "expected"),
    [
        ({"steps": 7}, 1, 7),
        ({"steps": 7, "epochs": 100}, 1, 7),
        ({}, 1, 2),  # one epoch of ten images in batches of four
        ({"epochs": 3}, 1, 6),
        ({"epochs": 3}, 2, 3),  # an epoch is one of the discriminator's
        ({"epochs": 1}, 5, 1),
    ],
)
def test_steps_in_all(run: dict[str, int], updates: int, expected: int) -> None:
    given = recipe(run=run, training={"batch_size": 4, "discriminator": {"updates": updates}})
    assert steps_in_all(given, 10) == expected


def test_epochs_of_which_the_last_batch_is_kept_have_one_step_more() -> None:
    given = recipe(run={"epochs": 3}, training={"batch_size": 4, "keep_last": True})
    assert [steps_in_all(given, pictures) for pictures in (8, 9, 10, 12)] == [6, 9, 9, 9]


@pytest.mark.parametrize("run", [{}, {"steps": 5}])
def test_fewer_images_than_a_batch(run: dict[str, int]) -> None:
    with pytest.raises(DataError, match="'stripes': 3, fewer than a batch of 4; take --batch-size 3 or less"):
        steps_in_all(recipe(run=run), 3)
    assert steps_in_all(recipe(run=run), 4)


def prepared(images: np.ndarray, labels: np.ndarray | None = None) -> Prepared:
    return Prepared(images=images, labels=labels, class_names=(), skipped=(), from_cache=False)


def test_a_changed_image_label_size_or_order_changes_the_hash() -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1), dtype=np.uint8)
    labels = np.arange(30) % 3
    changed = images.copy()
    changed[17, 3, 3, 0] ^= 1
    sets = [
        prepared(images),
        prepared(images, labels),
        prepared(images, labels[::-1]),
        prepared(changed),
        prepared(images[::-1]),
        prepared(images[:29]),
        prepared(images.reshape(30, 2, 8, 1)),
    ]
    assert len({images_hash(each) for each in sets}) == len(sets)
    assert images_hash(prepared(images.copy(), labels.copy())) == images_hash(prepared(images, labels))
