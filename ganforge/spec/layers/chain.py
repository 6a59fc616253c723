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
        name = f"{prefix}{position:02d}_{kind_of(layer)}"
        found = layer.resolve(Place(name, number, shape, classes))
        if min(found.output) < 1:
            raise SpecError(f"layer {name} makes an empty output {found.output} from {shape}; the image is too small")
        node = Node(
            name=name,
            number=number,
            layer=layer,
            input=shape,
            output=found.output,
            padding=found.padding,
            classes=classes,
            body=found.body,
        )
        nodes.append(node)
        number += 1 + len(walk(found.body))
        shape = found.output
    return tuple(nodes)


def walk(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """All nodes in order, a block before its inner nodes."""
    return tuple(inner for node in nodes for inner in (node, *walk(node.body)))
