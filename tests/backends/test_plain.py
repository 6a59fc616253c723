"""GANFORGE_PLAIN=1: a step of the core's operations alone computes what the fast forms and the tuning compute."""

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from frameworks import FRAMEWORKS, TORCH_FIRST, need, open_session

import ganforge
from ganforge.backend import NO_FAST_FORMS, BackendEntry, Precision, Session
from ganforge.parity import compare
from ganforge.parity.trial import trial
from ganforge.plugins.host import default_host
from ganforge.recipes.shipped import shipped_recipes
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan
from ganforge.testing.tiny_gans import TINY
from ganforge.training.backends import find_backend

SMALL: dict[str, Any] = {"image_size": [27, 24], "training": {"batch_size": 4}, "data": {"set": "digits"}}

KEEPING = ("torch", "jax")
"""Those that have the C library keep memory; TensorFlow has an allocator of its own."""


@pytest.fixture(params=TORCH_FIRST)
def name(request: pytest.FixtureRequest) -> str:
    need(request.param)
    return str(request.param)


@pytest.mark.parametrize("value", ["", "0", "1"])
def test_plain_goes_without(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = value == "1"
    monkeypatch.setenv("GANFORGE_PLAIN", value)
    tuned: list[bool] = []
    if name in KEEPING:
        monkeypatch.setattr(f"ganforge_{name}.cpu.keep_freed_memory", lambda: tuned.append(True))
    runtime = open_session(name, TINY["labels"])._runtime
    assert (runtime.fast is NO_FAST_FORMS) == plain
    assert (runtime.ops.forms is import_module(f"ganforge_{name}.convolution").PLAIN) == plain
    assert (runtime.ops.forms is import_module(f"ganforge_{name}.cpu").TUNED) != plain
    assert bool(tuned) == (name in KEEPING and not plain)


SYSTEMS = ("anime", "carpedm20", "celeba", "cgan-mnist", "faces", "frogs")
RECIPES = {
    "torch": [entry.name for entry in shipped_recipes()],
    "tensorflow": ["digits", "dcgan", *SYSTEMS, "acgan", "lsgan"],
    "jax": ["digits"],
}
"""All in torch. The other two compile a residual network for minutes; test_fast_forms.py has each of their forms."""
FAST = {"torch": ("digits", "dcgan", "anime", "projection"), "tensorflow": ("digits",), "jax": ()}
CASES = [
    pytest.param(each, name, id=f"{each}-{name}", marks=[pytest.mark.slow] * (name not in FAST[each]))
    for each in FRAMEWORKS
    for name in RECIPES[each]
]


@pytest.mark.parametrize(("name", "recipe"), CASES)
def test_no_result_of_a_recipe_changes(name: str, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need(name)
    monkeypatch.delenv("GANFORGE_PLAIN", raising=False)
    host = default_host()
    width: dict[str, Any] = {"width": 4 if recipe == "sagan" else 2}  # attention takes an eighth of the channels
    width = width if ganforge.load_recipe(recipe).generator else {"architecture": width}
    made = trial(ganforge.load_recipe(recipe, overrides=SMALL | width), host)
    fast = find_backend(name, host)
    report = compare(
        made.experiment.gan, fast, without(fast, monkeypatch), inputs=made.inputs, state=made.state, steps=3
    )
    assert report.ok, report.first


def without(entry: BackendEntry, monkeypatch: pytest.MonkeyPatch) -> BackendEntry:
    """The backend as GANFORGE_PLAIN=1 has it."""

    def opened(gan: Gan, state: State, precision: Precision, device: str) -> Session:
        with monkeypatch.context() as patch:
            patch.setenv("GANFORGE_PLAIN", "1")
            return entry.open(gan, state, precision, device)

    return replace(entry, name="plain", open=opened)
