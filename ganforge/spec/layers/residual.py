"""Residual blocks."""

from ganforge.errors import SpecError
from ganforge.spec.layers.chain import resolve_chain
from ganforge.spec.layers.contract import Layer, LayerSettings, Node, Pass, Place, Resolved, no_parameters
from ganforge.spec.ops import Tensor


class Residual(LayerSettings, frozen=True, kw_only=True, tag="residual"):
    """x + layers(x); the inner layers must keep the shape."""

    layers: tuple[Layer, ...]

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """The input's shape, and the inner nodes."""
        body = resolve_chain(self.layers, place.input, place.classes, prefix=f"{place.name}/", first=place.number + 1)
        if body and body[-1].output != place.input:
            raise SpecError(
                f"layer {place.name}: its inner layers end in {body[-1].output}, but must keep {place.input} to be "
                "added to it"
            )
        return Resolved(place.input, body=body)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x + layers(x)."""
        return x + run.chain(node.body, x, run)
