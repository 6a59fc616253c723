"""Residual blocks."""

from ganforge.errors import SpecError
from ganforge.spec.layers.chain import resolve_chain, walk
from ganforge.spec.layers.contract import Layer, LayerSettings, Node, Pass, Place, Resolved, no_parameters
from ganforge.spec.ops import Tensor


class Residual(LayerSettings, frozen=True, kw_only=True, tag="residual"):
    """shortcut(x) + scale * layers(x); both must end in one shape. Without a shortcut of its own x itself is added."""

    layers: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()
    scale: float = 1.0

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """The shape that both branches end in, and the inner nodes: those of `layers`, then those of `shortcut`."""
        body = resolve_chain(self.layers, place.input, place.classes, prefix=f"{place.name}/", first=place.number + 1)
        first = place.number + 1 + len(walk(body))
        other = resolve_chain(self.shortcut, place.input, place.classes, prefix=f"{place.name}/shortcut/", first=first)
        made, kept = (nodes[-1].output if nodes else place.input for nodes in (body, other))
        if made != kept:
            which = f"its shortcut ends in {kept}" if other else f"must keep {kept} to be added to it"
            raise SpecError(
                f"layer {place.name}: its inner layers end in {made}, but {which}; "
                "give it shortcut layers that end in the same shape"
            )
        return Resolved(made, body=(*body, *other))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """shortcut(x) + scale * layers(x)."""
        layers, shortcut = branches(node)
        made = run.chain(layers, x, run)
        made = made if self.scale == 1.0 else self.scale * made
        return run.chain(shortcut, x, run) + made


def chains(node: Node) -> tuple[tuple[Node, ...], ...]:
    """The inner nodes of any layer, in chains that each begin at the layer's input."""
    return branches(node) if isinstance(node.layer, Residual) else (node.body,)


def branches(node: Node) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The nodes of a residual block's layers, and those of its shortcut."""
    assert isinstance(node.layer, Residual)
    count = len(node.layer.layers)
    return node.body[:count], node.body[count:]
