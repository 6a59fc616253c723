"""Layers that read the label."""

from typing import ClassVar

from ganforge.errors import SpecError
from ganforge.spec.layers.contract import LayerSettings, Node, Pass, Place, Resolved, no_parameters
from ganforge.spec.ops import Tensor


class JoinLabel(LayerSettings, frozen=True, kw_only=True, tag="join_label"):
    """The label joined at the end of the last axis: one-hot to a vector, as constant maps to an image."""

    reads_labels: ClassVar[bool] = True

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """As many channels more as there are classes."""
        if place.classes < 1:
            raise SpecError(f"layer {place.name} joins a label, but the network has no classes; the data has no labels")
        return Resolved((*place.input[:-1], place.input[-1] + place.classes))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x and the label."""
        assert run.labels is not None, "a conditional network was given no labels"
        maps = run.ops.reshape(run.labels, (x.shape[0], *(1 for _ in x.shape[1:-1]), node.classes))
        return run.ops.concat([x, run.ops.broadcast(maps, (*x.shape[:-1], node.classes))], len(x.shape) - 1)
