"""check_layer: our own kinds pass, and each way in which a kind can be wrong is named."""

from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from frameworks import need
from tiers import slow

from ganforge.errors import PluginError, SpecError
from ganforge.spec import (
    LAYER_ENTRIES,
    ONES,
    ZEROS,
    LayerEntry,
    LayerSettings,
    Node,
    Parameter,
    Pass,
    Place,
    Resolved,
    Tensor,
    keeps_shape,
    no_parameters,
)

need("autograd")
from ganforge.testing import ConformanceError, check_layer
from ganforge.testing.differentiable import getval


class Gauge(LayerSettings, frozen=True, kw_only=True, tag="gauge"):
    """x * scale plus a level that follows the mean of each channel: state that is read in training, too."""

    decay: float = 0.9

    resolve = keeps_shape

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        channels = node.input[-1:]
        return (
            Parameter(name=f"{node.name}/scale", shape=channels, init=ONES),
            Parameter(name=f"{node.name}/level", shape=channels, init=ZEROS, trained=False),
        )

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        if run.training and run.moving:
            self.move(node, x, run)
        return x * run.array(node, "scale") + run.array(node, "level")

    def move(self, node: Node, x: Tensor, run: Pass) -> None:
        seen = run.moments(x).mean
        run.moved[f"{node.name}/level"] = self.decay * run.array(node, "level") + (1.0 - self.decay) * seen


def entry(layer: Any, *examples: Any) -> LayerEntry:
    return LayerEntry(layer=layer, summary="one line", examples=examples)


@pytest.mark.parametrize("shipped", LAYER_ENTRIES, ids=lambda each: each.name)
def test_what_comes_with_ganforge_passes(shipped: LayerEntry) -> None:
    check_layer(shipped.name, backends=[])


@pytest.mark.parametrize("backend", ["torch", slow("tensorflow")])
def test_a_kind_with_state_passes(backend: str) -> None:
    need(backend)
    check_layer(entry(Gauge), inputs=[(2, 3, 2)], backends=[backend])


@pytest.mark.parametrize("name", ["batch_norm", "dropout", "join_label"])
def test_a_framework_is_compared(name: str) -> None:
    need("torch")
    check_layer(name, inputs=[(2, 3, 2)], backends=["torch"])


# What is wrong in NumPy ----------------------------------------------------------------------------------------------


class OtherShape(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def resolve(self, place: Place) -> Resolved:
        return Resolved((*place.input[:-1], place.input[-1] + 1))

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        return Gauge.parameters(self, node)


class ShapeOfFloats(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def resolve(self, place: Place) -> Resolved:
        return Resolved(tuple(each / 1 for each in place.input))  # type: ignore[arg-type]


class Nowhere(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def resolve(self, place: Place) -> Resolved:
        raise SpecError(f"layer {place.name} cannot stand here")


class ForeignName(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        return (Parameter(name="scale", shape=node.input[-1:], init=ONES),)


class OneNameTwice(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        return (*Gauge.parameters(self, node), *Gauge.parameters(self, node))


class InPlace(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        x += 1.0
        return Gauge.forward(self, node, x, run)


class Still(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def move(self, node: Node, x: Tensor, run: Pass) -> None:
        pass


class MovesScale(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def move(self, node: Node, x: Tensor, run: Pass) -> None:
        Gauge.move(self, node, x, run)
        run.moved[f"{node.name}/scale"] = run.moved[f"{node.name}/level"]


class MovesAlways(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        self.move(node, x, run)
        return Gauge.forward(self, node, x, run)


class MovesInPenalties(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        if run.training:
            self.move(node, x, run)
        return Gauge.forward(self, node, x, run)


class MovesByItsRows(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def move(self, node: Node, x: Tensor, run: Pass) -> None:
        run.moved[f"{node.name}/level"] = run.ops.mean_over(x, tuple(range(len(x.shape) - 1)))


class MovesToAScalar(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def move(self, node: Node, x: Tensor, run: Pass) -> None:
        run.moved[f"{node.name}/level"] = run.ops.mean(x)


class Plain(LayerSettings, frozen=True, kw_only=True, tag="plain"):
    """x."""

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        return x * self.factor(node, x, run)

    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        return 1.0


class Random(Plain, frozen=True, kw_only=True, tag="plain"):
    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        if run.key is None:
            return 1.0
        kept = run.ops.dropout_mask(run.key, node.number, tuple(x.shape), 0.5, run.starts(x), x)
        return run.ops.where(kept, run.ops.ones(x.shape, x), 0.0)


class OneMask(Plain, frozen=True, kw_only=True, tag="plain"):
    uses_key: ClassVar[bool] = True

    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        if run.key is None:
            return 1.0
        kept = run.ops.dropout_mask(run.key, node.number, tuple(x.shape), 0.5, (0,), x)
        return run.ops.where(kept, run.ops.ones(x.shape, x), 0.0)


class SaysRandom(Plain, frozen=True, kw_only=True, tag="plain"):
    uses_key: ClassVar[bool] = True


class Labelled(Plain, frozen=True, kw_only=True, tag="plain"):
    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        if run.labels is None:
            return 1.0
        return run.ops.reshape(run.labels[:, 0:1] + 1.0, (x.shape[0],) + (1,) * (len(x.shape) - 1))


class SaysLabelled(Plain, frozen=True, kw_only=True, tag="plain"):
    reads_labels: ClassVar[bool] = True


class OfItsBatch(Plain, frozen=True, kw_only=True, tag="plain"):
    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        return run.ops.mean(x)


class Shifted(LayerSettings, frozen=True, kw_only=True, tag="shifted"):
    """x + shift."""

    resolve = keeps_shape

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        return (Parameter(name=f"{node.name}/shift", shape=node.input[-1:], init=ZEROS),)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        return x + run.array(node, "shift")


class SaysShifted(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def last_bias(self, node: Node) -> str | None:
        return f"{node.name}/scale"


class WrongSlope(Plain, frozen=True, kw_only=True, tag="plain"):
    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        return getval(x)


class Infinite(Plain, frozen=True, kw_only=True, tag="plain"):
    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        return float("inf")


class Widens(Plain, frozen=True, kw_only=True, tag="plain"):
    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        return np.ones(1)


class Raises(Plain, frozen=True, kw_only=True, tag="plain"):
    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        return run.ops.cos(x)  # type: ignore[attr-defined]


class Grows(Plain, frozen=True, kw_only=True, tag="plain"):
    size: int = 2

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "size", self.size + 1)


class Needy(Plain, frozen=True, kw_only=True, tag="plain"):
    size: int


class NoForward(LayerSettings, frozen=True, kw_only=True, tag="none"):
    resolve, parameters = keeps_shape, no_parameters


class OldForward(LayerSettings, frozen=True, kw_only=True, tag="old"):
    resolve, parameters = keeps_shape, no_parameters

    def forward(self, x: Tensor) -> Tensor:
        return x


class NoKind(LayerSettings, frozen=True, kw_only=True):
    resolve, parameters = keeps_shape, no_parameters
    forward = Plain.forward


class Unreadable(Plain, frozen=True, kw_only=True, tag="plain"):
    size: "int | tuple[int, int] | list[int]" = 1


WRONG: dict[str, tuple[LayerEntry, str]] = {
    "another shape": (entry(OtherShape), r"it makes \(6, 12\), where resolve\(\) says \(6, 13\)"),
    "a shape of floats": (entry(ShapeOfFloats), "not a tuple of integers"),
    "a place for it": (entry(Nowhere), r"it can stand nowhere[^$]*03_gauge cannot stand here"),
    "a name without its node": (entry(ForeignName), "an array is called 'scale', not 03_gauge/ and a name"),
    "a name twice": (entry(OneNameTwice), "two arrays are called '03_gauge/scale'"),
    "in place": (entry(InPlace), "it changes its input in place"),
    "state that stands still": (entry(Still), "does not move 03_gauge/level"),
    "a trained array moved": (entry(MovesScale), "it moves 03_gauge/scale, which is no array with trained=False"),
    "state that moves in evaluation": (entry(MovesAlways), "a pass by running values fills run.moved"),
    "state that moves in penalties": (entry(MovesInPenalties), "moves nothing .*fills run.moved"),
    "state of another shape": (entry(MovesToAScalar), r"it moves 03_gauge/level to the shape \(\)"),
    "state of a worker's own rows": (entry(MovesByItsRows), "two workers move 03_gauge/level otherwise than one"),
    "masks of a worker's own rows": (entry(OneMask), "two workers do not make of a batch what one makes"),
    "hides its masks": (entry(Random), "depends on run.key; say uses_key = True"),
    "says masks": (entry(SaysRandom), "does not depend on run.key; say uses_key = False"),
    "hides labels": (entry(Labelled), "say reads_labels = True"),
    "says labels": (entry(SaysLabelled), "say reads_labels = False"),
    "the company": (entry(OfItsBatch), "depends on the others in its batch"),
    "hides a bias": (entry(Shifted), r"03_shifted/shift is a bias that is added last, but last_bias\(\) gives None"),
    "says a bias": (entry(SaysShifted), "03_gauge/scale is not a bias that is added last"),
    "a wrong slope": (entry(WrongSlope), "slope by its input is off by"),
    "infinite": (entry(Infinite), "not finite"),
    "another precision": (entry(Widens), "of float32 it makes float64"),
    "an exception": (entry(Raises), "it raised AttributeError: .*cos.*[^$]*anything but its ops"),
    "settings that change": (entry(Grows), "written into a recipe and read again it is Grows"),
    "settings without defaults": (entry(Needy), "no defaults"),
    "an example of another kind": (entry(Gauge, Plain()), "an example is a Plain, not a Gauge"),
    "no method": (entry(NoForward), "NoForward has no method forward"),
    "other arguments": (
        entry(OldForward),
        r"OldForward.forward takes \(self, x\), not \(self, node, x, run\)",
    ),
    "no kind": (entry(NoKind), 'say tag="no_kind"'),
    "settings that cannot be read": (entry(Unreadable), "the settings of Unreadable cannot be read"),
    "no layer": (entry(int), "int is not derived from ganforge.spec.LayerSettings"),
    "a summary of two lines": (LayerEntry(layer=Gauge, summary="one\ntwo"), "summary is not one line"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_layer_is_named(case: str) -> None:
    wrong, words = WRONG[case]
    with pytest.raises(ConformanceError, match=words):
        check_layer(wrong, inputs=[(12,), (2, 2, 3)], backends=[])


# What is wrong in a framework ----------------------------------------------------------------------------------------


def in_torch(x: Tensor) -> bool:
    return type(x).__module__ == "torch"


class TwiceInTorch(Plain, frozen=True, kw_only=True, tag="plain"):
    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        return 2.0 if in_torch(x) else 1.0


class SlopeInTorch(Plain, frozen=True, kw_only=True, tag="plain"):
    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        return x.detach() if in_torch(x) else x


class CurveInTorch(Plain, frozen=True, kw_only=True, tag="plain"):
    """x squared, whose slope torch takes for a constant."""

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        return 2.0 * x * x.detach() - x.detach() * x.detach() if in_torch(x) else x * x


class OnlyInNumpy(Plain, frozen=True, kw_only=True, tag="plain"):
    def factor(self, node: Node, x: Tensor, run: Pass) -> Any:
        return np.ones(x.shape, getval(x).dtype)


class OtherReference(Plain, frozen=True, kw_only=True, tag="plain"):
    def reference(self, node: Node, x: Any, run: Pass) -> Any:
        return 2.0 * x


class StateInTorch(Gauge, frozen=True, kw_only=True, tag="gauge"):
    def move(self, node: Node, x: Tensor, run: Pass) -> None:
        Gauge.move(self, node, 2.0 * x if in_torch(x) else x, run)


IN_TORCH: dict[str, tuple[type[Any], str]] = {
    "another value": (TwiceInTorch, "generator layers in training"),
    "another slope": (SlopeInTorch, "gradients of the discriminator"),
    "another second derivative": (CurveInTorch, "gradients of the discriminator"),
    "what only NumPy has": (OnlyInNumpy, "it raised TypeError"),
    "another reference": (OtherReference, "generator layers in training"),
    "state that moves elsewhere": (StateInTorch, "running values after one step|gradients"),
}


@pytest.mark.parametrize("case", IN_TORCH)
def test_a_backend_that_differs_is_named(case: str) -> None:
    need("torch")
    layer, words = IN_TORCH[case]
    with pytest.raises(
        ConformanceError, match=rf"(?s)({words}).*backend 'torch' in float64|backend 'torch'.*({words})"
    ):
        check_layer(entry(layer), inputs=[(2, 2, 3)], backends=["torch"])


def test_an_unknown_name_gets_the_near_ones() -> None:
    with pytest.raises(PluginError, match="unknown kind of layer 'desne'; did you mean 'dense'"):
        check_layer("desne")
    with pytest.raises(PluginError, match="did you mean 'torch'"):
        check_layer("dense", backends=["troch"])
