"""check_loss: our own losses pass, and each way in which an entry or its functions can be wrong is named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from frameworks import need

from ganforge.errors import PluginError
from ganforge.spec.loss_library import LOSSES
from ganforge.spec.losses import LossEntry, PenaltyEntry

need("autograd")
from ganforge.testing import ConformanceError
from ganforge.testing.losses import check_loss

SHIPPED: dict[str, Any] = {entry.name: entry for entry in LOSSES}
HINGE, BCE, PAIRED = SHIPPED["hinge"], SHIPPED["bce"], SHIPPED["relativistic"]


@pytest.mark.parametrize("name", SHIPPED)
def test_what_comes_with_ganforge_passes(name: str) -> None:
    check_loss(name, backends=["numpy"])


@pytest.mark.parametrize(("backend", "name"), [("torch", "softmax"), ("torch", "gradient"), ("tensorflow", "hinge")])
def test_a_framework_is_compared(backend: str, name: str) -> None:
    need(backend)
    check_loss(name, backends=[backend])


def sums(ops: Any, real: Any, fake: Any, targets: Any) -> Any:
    return ops.mean(ops.sum_each(real)) * len(real), ops.mean(fake)


def first(terms: Callable[..., Any]) -> Callable[..., Any]:
    """A loss of the first logit alone, whatever stands behind it."""
    return lambda ops, real, fake, targets: terms(ops, real[:, :1], fake[:, :1], targets)


WRONG: dict[str, tuple[LossEntry, str]] = {
    "says no shift": (replace(PAIRED, shift_invariant=False), "shift_invariant=True"),
    "says shift": (replace(HINGE, shift_invariant=True), "shift_invariant=False"),
    "a shift of one of two": (replace(SHIPPED["softmax"], shift_invariant=True), "shift_invariant=False"),
    "hides targets": (replace(BCE, uses_targets=False), "uses_targets=True"),
    "says targets": (replace(HINGE, uses_targets=True), "uses_targets=False"),
    "hides a target of G": (replace(HINGE, generator=BCE.generator), "depends on the targets"),
    "hides real": (replace(PAIRED, generator_sees_real=False), "generator_sees_real=True"),
    "sums": (replace(HINGE, discriminator=sums), "mean over the batch"),
    "no scalar": (replace(HINGE, generator=lambda ops, real, fake, targets: -fake), "not one scalar"),
    "one term": (replace(HINGE, discriminator=lambda ops, real, fake, targets: (ops.mean(fake),)), "two scalars"),
    "infinite": (replace(HINGE, generator=lambda ops, real, fake, targets: ops.mean(fake) * np.inf), "inf"),
    "two logits, no reading": (replace(SHIPPED["softmax"], realness=HINGE.realness), r"\(6, 2\).*one number for each"),
    "a reading by an op": (replace(HINGE, realness=lambda logits: logits.sigmoid()), "sigmoid"),
    "names no class": (
        replace(SHIPPED["auxiliary-classifier"], discriminator=first(BCE.discriminator)),
        "classifies=F",
    ),
    "hides classes": (replace(SHIPPED["auxiliary-classifier"], classifies=False), r"labels is None unless .*=True"),
    "unknown op": (replace(HINGE, generator=lambda ops, real, fake, targets: ops.cos(fake)), "cos"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_loss_is_named(case: str) -> None:
    entry, words = WRONG[case]
    with pytest.raises(ConformanceError, match=words):
        check_loss(entry, backends=[])


def test_what_only_the_reference_can_do_is_named() -> None:
    entry = replace(HINGE, generator=lambda ops, real, fake, targets: np.mean(np.asarray(fake)))
    with pytest.raises(ConformanceError, match=r"backend 'numpy'[^$]*anything but its ops"):
        check_loss(entry, backends=[])


def test_what_only_one_framework_can_do_names_it() -> None:
    need("torch")
    need("tensorflow")
    entry = replace(HINGE, generator=lambda ops, real, fake, targets: -fake.sigmoid().mean())
    with pytest.raises(ConformanceError) as caught:
        check_loss(entry, backends=["torch", "tensorflow"])
    assert f"has no attribute 'sigmoid' ({__file__}:" in str(caught.value)
    assert "it works on backend 'torch', so it uses functions of that framework" in str(caught.value)
    assert "'tensorflow'" not in str(caught.value)


def test_what_is_raised_for_other_values_is_named() -> None:
    def moody(ops: Any, real: Any, fake: Any, targets: Any) -> Any:
        if len(real) > 6:
            raise ValueError("Monday")
        return HINGE.discriminator(ops, real, fake, targets)

    with pytest.raises(ConformanceError, match=r"it raised ValueError: Monday \("):
        check_loss(replace(HINGE, discriminator=moody), backends=[])


def differing(harmless: Callable[[Any], bool]) -> Any:
    """A generator's loss whose gradient is twice as large where the logits are a framework's."""

    def generator(ops: Any, real: Any, fake: Any, targets: Any) -> Any:
        return -ops.mean(fake) if harmless(fake) else -ops.mean(2.0 * fake)

    return generator


def test_a_backend_that_differs_is_named() -> None:
    torch = need("torch")
    entry = replace(HINGE, generator=differing(lambda x: not isinstance(x, torch.Tensor)))
    with pytest.raises(ConformanceError, match=r"gradients of the generator[^$]*backend 'torch'"):
        check_loss(entry, backends=["torch"])


def test_a_penalty_that_raises_is_named() -> None:
    entry = PenaltyEntry(
        name="wrong", summary="wrong", penalty=lambda ops, critic, real, fake, interpolation: critic(real).norm()
    )
    with pytest.raises(ConformanceError, match="penalty 'wrong'"):
        check_loss(entry, backends=[])


def test_an_unknown_name_gets_the_near_ones() -> None:
    with pytest.raises(PluginError, match="did you mean 'hinge'"):
        check_loss("hing")
    with pytest.raises(PluginError, match="did you mean 'gradient'"):
        check_loss("gradeint")
    with pytest.raises(PluginError, match="did you mean 'torch'"):
        check_loss("hinge", backends=["troch"])
