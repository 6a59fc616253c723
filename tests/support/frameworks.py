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
FRAMEWORKS = tuple(name for name in ("torch", "tensorflow", "jax") if name not in WITHOUT)
"""Those that the tests of several frameworks are for."""
TORCH_FIRST = tuple(pytest.param(name, marks=[pytest.mark.slow] * (name != "torch")) for name in FRAMEWORKS)
"""The same, those in the slow tier that compile every GAN for seconds; files of their own keep some in the fast one."""


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
    gradients: Callable[[Callable[..., Any], list[Any]], list[Any]]
    """`gradients(function, leaves)` of a scalar `function(*leaves)`, themselves differentiable; inside `compiled`."""
    compiled: Callable[[Callable[..., Any]], Callable[..., Any]]
    """A function of tensors, in which derivatives may be taken, that hands out NumPy arrays."""

    def call(self, function: Callable[..., Any], *given: Any) -> Any:
        """`function(*given)` as NumPy arrays."""
        return self.compiled(function)(*given)


def framework(name: str) -> Framework:
    """The framework of that name."""
    need(name)
    modules = {each: import_module(f"ganforge_{name}.{each}") for each in ("ops", "cpu", "fast")}
    kind = {"torch": "TorchOps", "tensorflow": "TensorFlowOps", "jax": "JaxOps"}[name]
    make = getattr(modules["ops"], kind)
    alone = SingleProcess()
    return Framework(
        name=name,
        cpu=modules["cpu"],
        fast=modules["fast"],
        ops=make(replicas=alone),
        tuned=make(replicas=alone, forms=modules["cpu"].TUNED),
        **{"torch": _torch, "tensorflow": _tensorflow, "jax": _jax}[name](),
    )


def _torch() -> dict[str, Any]:
    import torch

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: _arrays(function(*given), lambda each: each.detach().numpy())

    def tensor(array: Any) -> torch.Tensor:
        made = torch.tensor(np.asarray(array))
        return made.requires_grad_() if made.is_floating_point() else made

    def gradients(function: Callable[..., torch.Tensor], leaves: list[torch.Tensor]) -> list[torch.Tensor]:
        return list(torch.autograd.grad(function(*leaves), leaves, create_graph=True))

    return {"tensor": tensor, "key": int, "gradients": gradients, "compiled": compiled}


def _tensorflow() -> dict[str, Any]:
    import tensorflow as tf

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        traced = tf.function(function, autograph=False)
        return lambda *given: _arrays(traced(*given), lambda each: each.numpy())

    return {
        "tensor": tf.constant,
        "key": lambda key: tf.constant(key & 0xFFFFFFFF, tf.uint32),
        "gradients": lambda function, leaves: tf.gradients(function(*leaves), leaves),
        "compiled": compiled,
    }


def _jax() -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        traced = jax.jit(function)

        def call(*given: Any) -> Any:
            with jax.enable_x64(True):
                return _arrays(traced(*given), np.asarray)

        return call

    def tensor(array: Any) -> jax.Array:
        with jax.enable_x64(True):
            return jnp.asarray(array)

    return {
        "tensor": tensor,
        "key": lambda key: jnp.uint32(key & 0xFFFFFFFF),
        "gradients": lambda function, leaves: jax.grad(function, range(len(leaves)))(*leaves),
        "compiled": compiled,
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
