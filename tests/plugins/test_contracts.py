"""Plugins whose functions hand over something else than they promised: named, and never trained on."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import FAKE_BACKEND, STRIPES, StripeOptions, Stripes, core_host, loss, module, penalty, set_host
from frameworks import need

import ganforge
from ganforge.data.preparing import prepare
from ganforge.errors import DataError, PluginError
from ganforge.recipes.parsing import parse
from ganforge.recipes.schema import Recipe, RecipeEntry
from ganforge.spec.architecture_library import ARCHITECTURES
from ganforge.spec.architectures import ArchitectureEntry
from ganforge.spec.checks import checked_loss, checked_penalty
from ganforge.spec.losses import LossEntry
from ganforge.training.data_sets import open_data
from ganforge.training.experiment import resolve_networks
from ganforge.training.parts import find_data_set

(DCGAN,) = (each for each in ARCHITECTURES if each.name == "dcgan")


def recipe(**more: Any) -> Recipe:
    return parse({"name": "x", "image_size": 8, "channels": 1, "data": {"set": "stripes"}, **more})


def broken(error: Exception) -> Any:
    def function(*arguments: Any) -> Any:
        raise error

    return function


# Entries -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hook", "entry", "said"),
    [
        ("datasets", replace(STRIPES, summary=3), "DatasetEntry 'stripes': its summary is 3, not of type str"),
        ("datasets", replace(STRIPES, open=None), "its open is None, not a function"),
        ("datasets", replace(STRIPES, options=StripeOptions()), r"its options is StripeOptions\(.*not of type type\[m"),
        (
            "datasets",
            replace(STRIPES, options=int),
            r"its options is <class 'int'>, not of type type",
        ),
        ("backends", replace(FAKE_BACKEND, modules="numpy"), r"its modules is 'numpy', not of type tuple\[str, ...\]"),
        ("backends", replace(FAKE_BACKEND, modules=(1,)), r"its modules is \(1,\)"),
        ("backends", replace(FAKE_BACKEND, rank="first"), "its rank is 'first', not of type int"),
        ("recipes", RecipeEntry(name="a", path="a.toml"), "its path is 'a.toml', not of type Path"),  # type: ignore
        ("losses", replace(loss("bce"), outputs=1.5), "its outputs is 1.5, not of type int"),
        ("datasets", replace(STRIPES, name=7), "DatasetEntry 7: its name is 7, not of type str"),
    ],
)
def test_an_entry_with_a_field_of_another_type_leaves_its_plugin_out(hook: str, entry: Any, said: str) -> None:
    host, lines = core_host(module("wrong", **{f"ganforge_{hook}": lambda: (entry,)}))
    host.given(f"ganforge_{hook}")
    assert [each.plugin for each in host.failures] == ["wrong"]
    assert re.search(said, lines[0])


# Data sets -----------------------------------------------------------------------------------------------------------


def set_of(**members: Any) -> Any:
    """The stripes with some members replaced."""
    stripes = Stripes(StripeOptions())
    names = ("fingerprint", "class_names", "label", "where", "read")
    given = {name: getattr(stripes, name) for name in names} | members

    class Other(SimpleNamespace):
        def __len__(self) -> int:
            return 20

    return Other(**given)


@pytest.mark.parametrize(
    ("opened", "said"),
    [
        (lambda: None, "raised AttributeError: 'NoneType' object has no attribute 'fingerprint'"),
        (lambda: set_of(fingerprint=None), "has the fingerprint None, where its contract asks for text"),
        (lambda: set_of(class_names="ab"), "has the class names 'ab', where"),
        (lambda: set_of(class_names=(1, 2)), r"has the class names \(1, 2\), where"),
        (broken(ValueError("Monday")), "raised ValueError: Monday"),
    ],
)
def test_a_set_that_is_none(opened: Any, said: str) -> None:
    host, _ = core_host(module("hers", ganforge_datasets=lambda: (replace(STRIPES, open=lambda p, o: opened()),)))
    with pytest.raises(
        PluginError, match=f"data set 'stripes' of plugin 'hers' {said}.* Please tell the plugin's auth"
    ):
        open_data(recipe(), find_data_set(recipe(), host))


@pytest.mark.parametrize("error", [DataError("no such folder"), PermissionError(13, "denied")], ids=repr)
def test_errors_that_the_contract_allows_pass(error: Exception) -> None:
    host, _ = core_host(module("hers", ganforge_datasets=lambda: (replace(STRIPES, open=broken(error)),)))
    with pytest.raises(type(error)):
        open_data(recipe(), find_data_set(recipe(), host))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"read": broken(ValueError("Monday"))}, "stripe 0: the data set's plugin raised ValueError: Monday"),
        ({"read": lambda index: [[0]]}, r"stripe 0: the data set's plugin gave \[\[0\]\] where the contract asks for"),
        ({"label": broken(KeyError("Monday"))}, "stripe 0: the data set's plugin raised KeyError: 'Monday'"),
        ({"label": lambda index: "low"}, "stripe 0: the data set's plugin gave the label 'low', but there are 3"),
        ({"label": lambda index: 1.5}, "stripe 0: the data set's plugin gave the label 1.5"),
        ({"label": lambda index: 3}, "gave the label 3, but there are 3 classes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_images_and_labels_that_are_none(members: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=said):
        prepare(set_of(**members), name="stripes", shape=(8, 8, 1), cache=tmp_path)
    assert not list(tmp_path.iterdir())


# Architectures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda request, options: None, "built None, where its contract asks for two networks"),
        (lambda request, options: DCGAN.build(request, options)[:1], r"built \(Network\("),
        (lambda request, options: ("generator", "discriminator"), r"built \('generator', 'discriminator'\)"),
        (broken(ZeroDivisionError("Monday")), "raised ZeroDivisionError: Monday"),
    ],
    ids=["nothing", "one", "text", "raises"],
)
def test_an_architecture_that_is_none(build: Any, said: str) -> None:
    entry: ArchitectureEntry = replace(DCGAN, name="hers", build=build)
    host, _ = core_host(module("hers", ganforge_architectures=lambda: (entry,)))
    with pytest.raises(PluginError, match=f"architecture 'hers' of plugin 'hers' {said}"):
        resolve_networks(recipe(architecture={"name": "hers"}), host)


# Losses --------------------------------------------------------------------------------------------------------------

LOGITS = np.linspace(-1, 1, 4)[:, None]


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (LOGITS.mean(), "its discriminator gave .*, not a tuple of two scalars"),
        ((LOGITS.mean(),), "its discriminator gave .*, not a tuple of two scalars"),
        ((LOGITS, LOGITS.mean()), r"its discriminator gave shape \(4, 1\), where its contract asks for a scalar"),
        ((LOGITS.mean(), None), "its discriminator gave None, where its contract asks for a scalar tensor"),
        ((LOGITS.mean(), 0.5), "its discriminator gave 0.5, where its contract asks for a scalar tensor"),
    ],
    ids=["one", "tuple of one", "a row", "none", "a number"],
)
def test_a_loss_that_is_none(terms: Any, said: str) -> None:
    entry = checked_loss(replace(loss("bce"), discriminator=lambda *inputs: terms), "loss 'bce'")
    with pytest.raises(PluginError, match=f"loss 'bce': {said}"):
        entry.discriminator(None, LOGITS, LOGITS, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [LOGITS, None, 0.5], ids=["a row", "none", "a number"])
def test_a_generator_s_loss_and_a_penalty_that_are_none(value: Any) -> None:
    wrong = checked_loss(replace(loss("bce"), generator=lambda *inputs: value), "loss 'bce'")
    with pytest.raises(PluginError, match="loss 'bce': its generator gave"):
        wrong.generator(None, LOGITS, LOGITS, None)  # type: ignore[arg-type]
    worse = checked_penalty(replace(penalty("r1"), penalty=lambda *inputs: value), "penalty 'r1'")
    with pytest.raises(PluginError, match="penalty 'r1' gave"):
        worse.penalty(None, None, None, None, None)  # type: ignore[arg-type]


def test_a_loss_that_raises_is_named_under_its_traceback() -> None:
    entry = checked_loss(
        replace(loss("bce"), generator=broken(AttributeError("no exp"))), "loss 'bce' of plugin 'hers'"
    )
    with pytest.raises(AttributeError, match="no exp") as raised:
        entry.generator(None, LOGITS, LOGITS, None)  # type: ignore[arg-type]
    assert raised.value.__notes__ == ["raised in loss 'bce' of plugin 'hers': its generator"]


@pytest.fixture(params=["torch", "tensorflow", "numpy"])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    need({"numpy": "autograd"}.get(request.param, request.param))
    yield request.param


def test_a_row_for_a_scalar_is_refused_by_every_backend(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorFlow would take the gradient of its sum."""
    from ganforge.plugins import host as plugins

    def row(ops: Any, real: Any, fake: Any, targets: Any) -> Any:
        return -fake

    entry: LossEntry = replace(loss("hinge"), name="row", generator=row)
    host = plugins.new_host()
    host.add("rows", lambda: module("rows", ganforge_losses=lambda: (entry,)))
    set_host(monkeypatch, host)
    small = {"run": {"steps": 1}, "training": {"loss": {"name": "row"}, "batch_size": 4}, "architecture": {"width": 2}}
    given = recipe(data={"set": "digits"}, **small)
    with pytest.raises(PluginError, match=r"loss 'row' of plugin 'rows': its generator gave shape \(4, 1\)"):
        ganforge.train(given, backend=backend, out=tmp_path / "run")


def test_every_field_of_every_kind_of_entry_can_be_checked() -> None:
    """A new field's type must not make good plugins look broken."""
    from ganforge.plugins.host import new_host

    host = new_host(strict=True)
    for hook in ("backends", "datasets", "architectures", "recipes", "losses"):
        assert host.given(f"ganforge_{hook}")
