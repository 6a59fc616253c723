"""Frameworks in tests: which must be there, and each behind the same few names."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ganforge.backend import Precision, Session, SingleProcess
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan

WITHOUT = frozenset(filter(None, os.environ.get("GANFORGE_TEST_WITHOUT", "").split(",")))
"""Modules that may be missing: GANFORGE_TEST_WITHOUT=tensorflow,cv2. What needs them is skipped."""
FRAMEWORKS = tuple(name for name in ("torch", "tensorflow") if name not in WITHOUT)
"""Those that must be installed."""


def need(module: str) -> ModuleType:
    """A module that the test, or the whole file, needs. It fails without it, unless GANFORGE_TEST_WITHOUT names it."""
    top = module.partition(".")[0]
    if top in WITHOUT:
        pytest.skip(f"GANFORGE_TEST_WITHOUT names {top}", allow_module_level=True)
    if find_spec(top) is None:
        pytest.fail(
            f"{top} is not installed, so this is not tested. It is part of the development environment: `make test` or "
            f"pip install -e '.[all,dev]' installs it; GANFORGE_TEST_WITHOUT={top} skips what needs it.",
            pytrace=False,
        )
    return import_module(module)


def open_session(name: str, gan: Gan, precision: Precision = "float64", *, seed: int = 5) -> Session:
    """A session on the CPU that holds `gan.initial_state(seed)`."""
    return import_module(f"ganforge_{name}.runtime").open_session(gan, gan.initial_state(seed), precision, "cpu")


@dataclass(frozen=True, kw_only=True)
class Framework:
    """Operations of a backend on NumPy arrays."""

    name: str
    cpu: ModuleType
    """Its forms for CPUs."""
    fast: ModuleType
    ops: Any
    """Plain ones."""
    tuned: Any
    """The same with the CPU's forms."""
    tensor: Callable[[Any], Any]
    key: Callable[[int], Any]
    call: Callable[..., Any]
    """`call(function, *tensors)`: the function's tensors as NumPy arrays; derivatives may be taken inside."""


def framework(name: str) -> Framework:
    """The framework of that name."""
    need(name)
    modules = {each: import_module(f"ganforge_{name}.{each}") for each in ("ops", "cpu", "fast")}
    kind = {"torch": "TorchOps", "tensorflow": "TensorFlowOps"}[name]
    make = getattr(modules["ops"], kind)
    alone = SingleProcess()
    return Framework(
        name=name,
        cpu=modules["cpu"],
        fast=modules["fast"],
        ops=make(replicas=alone),
        tuned=make(replicas=alone, forms=modules["cpu"].TUNED),
        **(_torch() if name == "torch" else _tensorflow()),
    )


def _torch() -> dict[str, Any]:
    import torch

    def call(function: Callable[..., Any], *given: Any) -> Any:
        return _arrays(function(*given), lambda each: each.detach().numpy())

    return {"tensor": lambda array: torch.tensor(np.asarray(array)), "key": int, "call": call}


def _tensorflow() -> dict[str, Any]:
    import tensorflow as tf

    def call(function: Callable[..., Any], *given: Any) -> Any:
        return _arrays(tf.function(function, autograph=False)(*given), lambda each: each.numpy())

    return {
        "tensor": tf.constant,
        "key": lambda key: tf.constant(key & 0xFFFFFFFF, tf.uint32),
        "call": call,
    }


def _arrays(found: Any, to_numpy: Callable[[Any], np.ndarray]) -> Any:
    if isinstance(found, dict):
        return {name: _arrays(each, to_numpy) for name, each in found.items()}
    if isinstance(found, list | tuple):
        return [_arrays(each, to_numpy) for each in found]
    return to_numpy(found)


def same_bits(a: State, b: State) -> bool:
    """Whether two states have the same names in the same order and the same bits."""
    return list(a) == list(b) and all(a[name].tobytes() == b[name].tobytes() for name in a)
