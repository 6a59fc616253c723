"""check_optimizer: our own kinds pass, and each way in which a kind can be wrong is named."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from frameworks import need
from tiers import slow

from ganforge.errors import PluginError
from ganforge.spec import OPTIMIZER_ENTRIES, Ops, OptimizerEntry, OptimizerSettings, Positive, Scale, Tensor, Updated

need("autograd")
from ganforge.testing import ConformanceError, check_optimizer


class Heavy(OptimizerSettings, frozen=True, kw_only=True, tag="heavy"):
    """b = 0.9 b + g; p -= rate * b."""

    learning_rate: Positive = 0.01
    clip: Positive | None = 0.1

    def slots(self) -> tuple[str, ...]:
        return ("b",)

    def scale(self, done: int) -> Scale:
        return Scale(self.learning_rate / (1 + done), 1.0)

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        b = 0.9 * slots["b"] + self.seen(ops, weight, gradient)
        return Updated(weight - scale.rate * b, {"b": b})

    def seen(self, ops: Ops, weight: Tensor, gradient: Tensor) -> Tensor:
        return gradient


def entry(optimizer: Any, *examples: Any) -> OptimizerEntry:
    return OptimizerEntry(optimizer=optimizer, summary="one line", examples=examples)


@pytest.mark.parametrize("shipped", OPTIMIZER_ENTRIES, ids=lambda each: each.name)
def test_what_comes_with_ganforge_passes(shipped: OptimizerEntry) -> None:
    check_optimizer(shipped.name, backends=[])


@pytest.mark.parametrize("backend", ["torch", slow("tensorflow")])
def test_another_kind_passes(backend: str) -> None:
    need(backend)
    check_optimizer(entry(Heavy), backends=[backend])


def test_a_framework_is_compared() -> None:
    need("torch")
    check_optimizer("rmsprop", backends=["torch"])


class OtherSlots(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def slots(self) -> tuple[str, ...]:
        return ("b", "c")


class SlotOfTwoWords(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def slots(self) -> tuple[str, ...]:
        return ("b/c",)


class SlotTwice(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def slots(self) -> tuple[str, ...]:
        return ("b", "b")


class RateOfArrays(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def scale(self, done: int) -> Scale:
        return Scale(np.float32(0.1), 1.0)


class RateAtZero(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def scale(self, done: int) -> Scale:
        return Scale(float(np.divide(1.0, done - 1000.0)) if done != 1000 else float("inf"), 1.0)


class InPlace(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def seen(self, ops: Ops, weight: Tensor, gradient: Tensor) -> Tensor:
        weight *= 0.9
        return gradient


class Sum(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def seen(self, ops: Ops, weight: Tensor, gradient: Tensor) -> Tensor:
        return ops.stack([gradient, gradient])


class Widens(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def seen(self, ops: Ops, weight: Tensor, gradient: Tensor) -> Tensor:
        return gradient * np.ones(1)


class ByItsSize(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def seen(self, ops: Ops, weight: Tensor, gradient: Tensor) -> Tensor:
        with np.errstate(all="ignore"):
            return gradient / ops.sqrt(ops.mean(ops.square(gradient)))


class Tuple(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Any:
        return weight, slots


class Raises(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def seen(self, ops: Ops, weight: Tensor, gradient: Tensor) -> Tensor:
        return ops.sign(gradient)  # type: ignore[attr-defined]


class OtherReference(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def reference(
        self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale
    ) -> Updated:
        return Updated(weight - scale.rate * slots["b"], {"b": 0.9 * slots["b"] + gradient})


class Counts(Heavy, frozen=True, kw_only=True, tag="heavy"):
    """Keeps something beside its slots."""

    def seen(self, ops: Ops, weight: Tensor, gradient: Tensor) -> Tensor:
        COUNTED.append(1)
        return gradient * len(COUNTED)


COUNTED: list[int] = []


class NoClip(OptimizerSettings, frozen=True, kw_only=True, tag="heavy"):
    learning_rate: Positive = 0.01
    slots, scale, update = Heavy.slots, Heavy.scale, Heavy.update


class NoScale(OptimizerSettings, frozen=True, kw_only=True, tag="heavy"):
    learning_rate: Positive = 0.01
    clip: Positive | None = None
    slots, update = Heavy.slots, Heavy.update


WRONG: dict[str, tuple[OptimizerEntry, str]] = {
    "a slot too many": (entry(OtherSlots), r"gives the slots \['b'\], slots\(\) \['b', 'c'\]"),
    "a slot that is no name": (entry(SlotOfTwoWords), "not a tuple of names"),
    "a slot twice": (entry(SlotTwice), "two slots have one name"),
    "a scale of float32": (entry(RateOfArrays), "not a Scale of two finite Python floats"),
    "an infinite scale": (entry(RateAtZero), r"scale\(1000\) gives"),
    "in place": (entry(InPlace), "it changes the weight in place"),
    "another shape": (entry(Sum), r"the weight comes out as float64 \(2, 3\), not float64 \(3,\)"),
    "another precision": (entry(Widens), "the weight comes out as float64 .*, not float32"),
    "a gradient of zeros": (entry(ByItsSize), "of a gradient of zeros it makes numbers that are not finite"),
    "a tuple": (entry(Tuple), "gives a tuple, not an Updated"),
    "an exception": (entry(Raises), "it raised AttributeError: .*sign.*[^$]*anything but its ops"),
    "another reference": (entry(OtherReference), "update 1: the weight is not what its reference makes"),
    "something beside its slots": (entry(Counts), "not what its reference makes"),
    "an example of another kind": (entry(Heavy, InPlace()), "an example is a InPlace, not a Heavy"),
    "no clip": (entry(NoClip), "NoClip has no field or property clip"),
    "no scale": (entry(NoScale), "NoScale has no method scale"),
    "no optimizer": (entry(int), "int is not derived from ganforge.spec.OptimizerSettings"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_optimizer_is_named(case: str) -> None:
    wrong, words = WRONG[case]
    with pytest.raises(ConformanceError, match=words):
        check_optimizer(wrong, backends=[])


def in_torch(x: Tensor) -> bool:
    return type(x).__module__ == "torch"


class TwiceInTorch(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def seen(self, ops: Ops, weight: Tensor, gradient: Tensor) -> Tensor:
        return 2.0 * gradient if in_torch(gradient) else gradient


class OnlyInNumpy(Heavy, frozen=True, kw_only=True, tag="heavy"):
    def seen(self, ops: Ops, weight: Tensor, gradient: Tensor) -> Tensor:
        return gradient.astype(weight.dtype)


class CountsInTorch(Heavy, frozen=True, kw_only=True, tag="heavy"):
    """Goes by how many sessions it has worked for, in a way that shows in the last bits alone."""

    def seen(self, ops: Ops, weight: Tensor, gradient: Tensor) -> Tensor:
        if in_torch(gradient):
            COUNTED.append(1)
            return gradient * (1.0 + 1e-15 * len(COUNTED))
        return gradient


IN_TORCH: dict[str, tuple[type[Any], str]] = {
    "another step": (TwiceInTorch, "weights after one step"),
    "what only NumPy has": (OnlyInNumpy, "it raised AttributeError"),
    "something beside its slots": (CountsInTorch, "a resumed run differs"),
}


@pytest.mark.parametrize("case", IN_TORCH)
def test_a_backend_that_differs_is_named(case: str) -> None:
    need("torch")
    optimizer, words = IN_TORCH[case]
    with pytest.raises(ConformanceError, match=rf"{words}[^$]*backend 'torch'"):
        check_optimizer(entry(optimizer), backends=["torch"], precisions=["float64"])


def test_an_unknown_name_gets_the_near_ones() -> None:
    with pytest.raises(PluginError, match="unknown kind of optimizer 'adm'; did you mean 'adam'"):
        check_optimizer("adm")
