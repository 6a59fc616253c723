"""Kinds of layers and an optimizer as a plugin brings them, for the tests of plugins."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

from fakes import core_host, module

from ganforge.plugins.kinds import known_kinds
from ganforge.spec import (
    ONES,
    ZEROS,
    Layer,
    LayerEntry,
    LayerSettings,
    Node,
    Ops,
    OptimizerEntry,
    OptimizerSettings,
    Parameter,
    Pass,
    Place,
    Positive,
    Resolved,
    Scale,
    Tensor,
    Updated,
    keeps_shape,
    no_parameters,
    resolve_chain,
    walk,
)


class Level(LayerSettings, frozen=True, kw_only=True, tag="level"):
    """x * scale + level, which follows the mean of each channel; in training with dropout."""

    decay: float = 0.9

    uses_key: ClassVar[bool] = True
    resolve = keeps_shape

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        channels = node.input[-1:]
        return (
            Parameter(name=f"{node.name}/scale", shape=channels, init=ONES),
            Parameter(name=f"{node.name}/level", shape=channels, init=ZEROS, trained=False),
        )

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        ops, level = run.ops, run.array(node, "level")
        if run.training:
            kept = ops.dropout_mask(run.key, node.number, tuple(x.shape), 0.25, run.starts(x), x)
            if run.moving:
                seen = run.moments(x).mean
                run.moved[f"{node.name}/level"] = self.decay * level + (1.0 - self.decay) * seen
            x = ops.where(kept, x, 0.0)
        return x * run.array(node, "scale") + level


class Beside(LayerSettings, frozen=True, kw_only=True, tag="beside"):
    """left(x) + right(x): a block of inner layers, in fields of its own names."""

    left: tuple[Layer, ...]
    right: tuple[Layer, ...] = ()

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        left = resolve_chain(self.left, place.input, place.classes, prefix=f"{place.name}/l", first=place.number + 1)
        after = place.number + 1 + len(walk(left))
        right = resolve_chain(self.right, place.input, place.classes, prefix=f"{place.name}/r", first=after)
        return Resolved(left[-1].output, body=(*left, *right))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        count = len(self.left)
        return run.chain(node.body[:count], x, run) + run.chain(node.body[count:], x, run)


class LabelScale(LayerSettings, frozen=True, kw_only=True, tag="label_scale"):
    """x * (1 + the class's own number of each channel)."""

    reads_labels: ClassVar[bool] = True
    resolve = keeps_shape

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        shape = (max(1, node.classes), node.input[-1])
        return (Parameter(name=f"{node.name}/table", shape=shape, init=ZEROS),)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        if run.labels is None:
            return x
        scale = run.ops.matmul(run.labels, run.array(node, "table"))
        return x * (1.0 + run.ops.reshape(scale, (x.shape[0], *(1 for _ in x.shape[1:-1]), x.shape[-1])))


class Heavy(OptimizerSettings, frozen=True, kw_only=True, tag="heavy"):
    """b = momentum b + g; p -= rate / (1 + done) * b."""

    learning_rate: Positive
    momentum: float = 0.5
    clip: Positive | None = None

    def slots(self) -> tuple[str, ...]:
        return ("b",)

    def scale(self, done: int) -> Scale:
        return Scale(self.learning_rate / (1 + done), 1.0)

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        b = self.momentum * slots["b"] + gradient
        return Updated(weight - scale.rate * b, {"b": b})


ENTRIES = tuple(LayerEntry(layer=kind, summary=kind.__name__) for kind in (Level, Beside, LabelScale))
PLUGIN = {
    "ganforge_layers": lambda: ENTRIES,
    "ganforge_optimizers": lambda: (OptimizerEntry(optimizer=Heavy, summary="heavy"),),
}


def plugin(name: str = "kinds", **hooks: Any) -> ModuleType:
    return module(name, **(hooks or PLUGIN))


KINDS = known_kinds(core_host(plugin())[0])
