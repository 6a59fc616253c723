"""A network: a chain of layers from one input shape, and what it becomes when every shape is known."""

import msgspec

from ganforge.spec.layers import Conv, ConvTranspose, Dense, Residual
from ganforge.spec.layers.chain import resolve_chain, walk
from ganforge.spec.layers.contract import Layer, Node, Shape
from ganforge.spec.layers.convolution import pair


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chain of layers from one input shape."""

    input: Shape
    """Of one example: (latent size,) for a generator, (height, width, channels) for a discriminator."""
    layers: tuple[Layer, ...]
    classes: int = 0
    """Number of labels; 0: unconditional."""


def resolve(network: Network) -> tuple[Node, ...]:
    """Every layer of `network` with its shapes and paddings.

    Raises:
        SpecError: a layer cannot follow the one before it; the message names the layer and both shapes.
    """
    return resolve_chain(network.layers, network.input, network.classes)


def layer_rows(nodes: tuple[Node, ...]) -> list[tuple[str, str, Shape]]:
    """Rows of the layer table: (name, settings in short, output shape)."""
    return [(node.name, _settings(node), node.output) for node in walk(nodes)]


def _settings(node: Node) -> str:
    match node.layer:
        case Conv() | ConvTranspose():
            kernel, stride = pair(node.layer.kernel), pair(node.layer.stride)
            (top, bottom), (left, right) = node.padding
            verb = "pad" if isinstance(node.layer, Conv) else "crop"
            sides = f"{top},{bottom}" if (top, bottom) == (left, right) else f"{top},{bottom} x {left},{right}"
            bias = "" if node.layer.bias else ", no bias"
            groups = f", {node.layer.groups} groups" if node.layer.groups > 1 else ""
            spectral = ", spectral norm" if node.layer.spectral_norm else ""
            return f"{kernel[0]}x{kernel[1]} stride {stride[0]}x{stride[1]} {verb} {sides}{groups}{bias}{spectral}"
        case Dense(bias=bias, spectral_norm=spectral):
            return ", ".join((*(() if bias else ("no bias",)), *(("spectral norm",) if spectral else ())))
        case Residual(scale=1.0):
            return ""
        case layer:
            values = ((name, getattr(layer, name)) for name in layer.__struct_fields__)
            return ", ".join(f"{name} {value:g}" for name, value in values if type(value) in (int, float))
