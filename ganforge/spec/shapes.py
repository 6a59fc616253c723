"""Shape inference: a network's layers become nodes in which every shape and padding is a plain integer.

This is where 'same' is resolved, once, by TensorFlow's rule; a backend sees only (low, high) pairs and cannot disagree.
"""

from dataclasses import dataclass
from math import prod
from typing import TypeAlias, TypeVar

from ganforge.errors import SpecError
from ganforge.spec.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Extent,
    Flatten,
    JoinLabel,
    Layer,
    Network,
    Padding,
    Reshape,
    Residual,
    Shape,
)

Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""((top, bottom), (left, right)): zeros added by a convolution, rows and columns cropped by a transposed one."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A layer in its place."""

    name: str
    """Position and kind, as `03_conv`; inside a residual block `02_residual/00_conv`. The name of its arrays."""
    number: int
    """Counts all nodes of the network, inner ones too: part of the key of a dropout mask."""
    layer: Layer
    input: Shape
    output: Shape
    padding: Sides = ((0, 0), (0, 0))
    """Of a convolution, what is added; of a transposed one, what is cropped from the full result."""
    classes: int = 0
    body: tuple["Node", ...] = ()
    """The inner nodes of a residual block."""


def resolve(network: Network) -> tuple[Node, ...]:
    """Every layer of `network` with its shapes and paddings.

    Raises:
        SpecError: a layer cannot follow the one before it; the message names the layer and both shapes.
    """
    return _chain(network.layers, network.input, network.classes, prefix="", first=0)


def walk(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """All nodes in order, a residual block before its inner nodes."""
    return tuple(inner for node in nodes for inner in (node, *walk(node.body)))


def pair(extent: Extent) -> tuple[int, int]:
    """(height, width) of an extent given as one number or two."""
    return extent if isinstance(extent, tuple) else (extent, extent)


def _chain(layers: tuple[Layer, ...], shape: Shape, classes: int, *, prefix: str, first: int) -> tuple[Node, ...]:
    nodes: list[Node] = []
    number = first
    for position, layer in enumerate(layers):
        name = f"{prefix}{position:02d}_{layer.__struct_config__.tag}"
        body: tuple[Node, ...] = ()
        if isinstance(layer, Residual):
            body = _chain(layer.layers, shape, classes, prefix=f"{name}/", first=number + 1)
        output, padding = _output(name, layer, shape, classes, body)
        if min(output) < 1:
            raise SpecError(f"layer {name} makes an empty output {output} from {shape}; the picture is too small")
        nodes.append(
            Node(
                name=name,
                number=number,
                layer=layer,
                input=shape,
                output=output,
                padding=padding,
                classes=classes,
                body=body,
            )
        )
        number += 1 + len(walk(body))
        shape = output
    return tuple(nodes)


def _output(name: str, layer: Layer, shape: Shape, classes: int, body: tuple[Node, ...]) -> tuple[Shape, Sides]:
    unpadded: Sides = ((0, 0), (0, 0))
    match layer:
        case Dense():
            _need_rank(name, shape, 1, "put a flatten layer before it")
            return (layer.units,), unpadded
        case Conv():
            _need_rank(name, shape, 3, "put a reshape layer before it")
            _need_positive(name, layer)
            (height, top), (width, left) = (
                _conv_axis(name, *axis)
                for axis in zip(shape, pair(layer.kernel), pair(layer.stride), _axes(layer.padding), strict=False)
            )
            return (height, width, layer.filters), (top, left)
        case ConvTranspose():
            _need_rank(name, shape, 3, "put a reshape layer before it")
            _need_positive(name, layer)
            sizes = (None, None) if layer.size is None else pair(layer.size)
            (height, top), (width, left) = (
                _transposed_axis(name, *axis)
                for axis in zip(
                    shape, pair(layer.kernel), pair(layer.stride), _axes(layer.padding), sizes, strict=False
                )
            )
            return (height, width, layer.filters), (top, left)
        case Reshape():
            if prod(layer.shape) != prod(shape):
                raise SpecError(
                    f"layer {name}: {prod(shape)} elements of {shape} cannot become {layer.shape}, "
                    f"which has {prod(layer.shape)}"
                )
            if len(layer.shape) not in (1, 3):
                raise SpecError(f"layer {name}: shape {layer.shape} is neither (units,) nor (height, width, channels)")
            return layer.shape, unpadded
        case Flatten():
            return (prod(shape),), unpadded
        case JoinLabel():
            if classes < 1:
                raise SpecError(f"layer {name} joins a label, but the network has no classes; the data has no labels")
            return (*shape[:-1], shape[-1] + classes), unpadded
        case Residual():
            if body and body[-1].output != shape:
                raise SpecError(
                    f"layer {name}: its inner layers end in {body[-1].output}, but must keep {shape} to be added to it"
                )
            return shape, unpadded
        case _:
            return shape, unpadded


def _need_rank(name: str, shape: Shape, rank: int, remedy: str) -> None:
    if len(shape) != rank:
        wanted = "a vector (units,)" if rank == 1 else "a picture (height, width, channels)"
        raise SpecError(f"layer {name} needs {wanted}, but gets {shape}; {remedy}")


def _need_positive(name: str, layer: Conv | ConvTranspose) -> None:
    if min(*pair(layer.kernel), *pair(layer.stride)) < 1:
        raise SpecError(f"layer {name}: kernel {layer.kernel} and stride {layer.stride} must be at least 1")
    if isinstance(layer.padding, int) and layer.padding < 0:
        raise SpecError(f"layer {name}: padding {layer.padding} must not be negative")


def _axes(padding: Padding) -> tuple[str | tuple[int, int], str | tuple[int, int]]:
    """The padding of each axis: 'same', 'valid', or (low, high)."""
    match padding:
        case str():
            return padding, padding
        case int():
            return (padding, padding), (padding, padding)
        case _:
            return padding


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's rule: the zeros that make ceil(size / stride) outputs, the odd one on the high side."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _conv_axis(
    name: str, size: int, kernel: int, stride: int, padding: str | tuple[int, int]
) -> tuple[int, tuple[int, int]]:
    match padding:
        case "same":
            low, high = _same(size, kernel, stride)
        case (int(low), int(high)):
            pass
        case _:
            low, high = 0, 0
    room = size + low + high - kernel
    if room < 0:
        raise SpecError(f"layer {name}: a kernel of {kernel} does not fit into {size} + {low + high} of padding")
    return room // stride + 1, (low, high)


def _transposed_axis(
    name: str, size: int, kernel: int, stride: int, padding: str | tuple[int, int], wanted: int | None
) -> tuple[int, tuple[int, int]]:
    if kernel < stride:
        raise SpecError(f"layer {name}: a kernel of {kernel} with stride {stride} leaves gaps; take a larger kernel")
    full = (size - 1) * stride + kernel
    match padding:
        case "same":
            output = size * stride if wanted is None else wanted
            if -(-output // stride) != size:
                raise SpecError(
                    f"layer {name}: size {output} cannot come from {size} with stride {stride} and padding 'same' "
                    f"(it would need {-(-output // stride)})"
                )
            low = _same(output, kernel, stride)[0]
        case (int(low), int(high)):
            output = full - low - high if wanted is None else wanted
        case _:
            low, output = 0, full if wanted is None else wanted
    high = full - low - output
    if high < 0 or output < 1:
        raise SpecError(
            f"layer {name}: size {output} cannot be cropped from a full result of {full} starting at {low}; "
            f"with this kernel, stride and padding it can be at most {full - low}"
        )
    return output, (low, high)


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
            return f"{kernel[0]}x{kernel[1]} stride {stride[0]}x{stride[1]} {verb} {sides}{bias}"
        case BatchNorm():
            return f"decay {node.layer.decay:g}, epsilon {node.layer.epsilon:g}"
        case Residual() | Reshape() | Flatten() | JoinLabel():
            return ""
        case Dense():
            return "" if node.layer.bias else "no bias"
        case layer:
            fields = (f"{field} {getattr(layer, field):g}" for field in layer.__struct_fields__)
            return ", ".join(fields)
