"""From layers in order to nodes: every shape and every padding as plain integers."""

from ganforge.errors import SpecError
from ganforge.spec.layers.contract import Layer, Node, Place, Shape, kind_of


def resolve_chain(
    layers: tuple[Layer, ...], shape: Shape, classes: int, *, prefix: str = "", first: int = 0
) -> tuple[Node, ...]:
    """Every layer with its shapes and paddings.

    Raises:
        SpecError: a layer cannot follow the one before it; the message names the layer and both shapes.
    """
    nodes: list[Node] = []
    number = first
    for position, layer in enumerate(layers):
        node = resolve_node(layer, Place(f"{prefix}{position:02d}_{kind_of(layer)}", number, shape, classes))
        nodes.append(node)
        number += 1 + len(walk(node.body))
        shape = node.output
    return tuple(nodes)


def resolve_node(layer: Layer, place: Place) -> Node:
    """A layer in its place.

    Raises:
        SpecError: it cannot stand there.
    """
    found = layer.resolve(place)
    if min(found.output) < 1:
        raise SpecError(
            f"layer {place.name} makes an empty output {found.output} from {place.input}; the image is too small"
        )
    return Node(
        name=place.name,
        number=place.number,
        layer=layer,
        input=place.input,
        output=found.output,
        padding=found.padding,
        classes=place.classes,
        body=found.body,
    )


def walk(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """All nodes in order, a block before its inner nodes."""
    return tuple(inner for node in nodes for inner in (node, *walk(node.body)))
