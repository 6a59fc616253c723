"""A network as torch's own module, to be taken away. No line of it needs ganforge, unless it has a layer that torch has
no module for, a plugin's or one of ours.

It is a graph (`torch.fx`) over torch's layers, so that its code can be read (`print(module.code)`), saved whole, and
loaded where ganforge is not installed.
"""

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ganforge.errors import StateError
from ganforge.spec import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Elu,
    Flatten,
    Gan,
    GlobalPool,
    JoinLabel,
    LeakyRelu,
    NetworkName,
    Node,
    Relu,
    Reshape,
    Residual,
    Shape,
    Sigmoid,
    State,
    Tanh,
    branches,
    pair,
    walk,
)
from ganforge_torch import native_layers
from ganforge_torch.ops import to_oihw
from ganforge_torch.plugin_layer import PluginLayer, own_name

_INPUTS: dict[NetworkName, str] = {"generator": "latents", "discriminator": "images"}

_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "scale": "weight",
    "offset": "bias",
    "slope": "weight",
    "mean": "running_mean",
    "variance": "running_var",
}
"""What torch's layers call an array."""

_RUNNING = ("mean", "variance")


def build(gan: Gan, name: NetworkName, arrays: Mapping[str, Tensor]) -> nn.Module:
    """The network `(x) -> images or logits`, `(x, labels)` if it reads labels, with copies of its arrays.

    In evaluation mode. Latents (B, size), images (B, channels, height, width), labels (B,) integers. A layer goes by
    its node's name as Python can write it: `conv_03` for `03_conv`.
    """
    graph, nodes = fx.Graph(), gan.nodes(name)
    x = graph.placeholder(_INPUTS[name])
    labels = graph.placeholder("labels") if _read_labels(nodes) else None
    network = _Network(graph=graph, arrays=arrays, labels=labels)
    graph.output(network.chain(nodes, x))
    return fx.GraphModule(network.layers, graph, class_name=name.capitalize()).eval()


@dataclass(frozen=True, kw_only=True)
class _Network:
    """A graph that grows, and the layers that it calls."""

    graph: fx.Graph
    arrays: Mapping[str, Tensor]
    """In the core's layouts."""
    labels: fx.Node | None
    """None: no layer reads them."""
    layers: dict[str, nn.Module] = field(default_factory=dict)

    def chain(self, nodes: tuple[Node, ...], x: fx.Node) -> fx.Node:
        for node in nodes:
            x = self._add(node, x)
        return x

    def _add(self, node: Node, x: fx.Node) -> fx.Node:
        match node.layer:
            case Dense(spectral_norm=True) | Conv(spectral_norm=True) | ConvTranspose(spectral_norm=True):
                return self._by_forward(node, x)  # torch's own keeps vectors of another moment
            case Dense(units=units, bias=bias):
                return self._call(node, x, self._filled(node, nn.Linear(node.input[0], units, bias, device="meta")))
            case Conv() as layer:
                return self._conv(node, layer, x)
            case ConvTranspose() as layer:
                return self._conv_transpose(node, layer, x)
            case BatchNorm() as layer:
                return self._call(node, x, self._filled(node, _batch_norm(layer, node.input)))
            case Relu():
                return self._call(node, x, nn.ReLU())
            case LeakyRelu(slope=slope):
                return self._call(node, x, nn.LeakyReLU(slope))
            case Elu(alpha=alpha):
                return self._call(node, x, nn.ELU(alpha))
            case Tanh():
                return self._call(node, x, nn.Tanh())
            case Sigmoid():
                return self._call(node, x, nn.Sigmoid())
            case Dropout(rate=rate, scale_at="inference"):
                # torch's has divided by 1 - rate in training: times 1 - rate it is right in both modes.
                return self.graph.call_function(operator.mul, (self._call(node, x, nn.Dropout(rate)), 1.0 - rate))
            case Dropout(rate=rate):
                return self._call(node, x, nn.Dropout(rate))
            case Reshape() | Flatten():
                return self._reshape(node, x)
            case JoinLabel():
                return self._join_label(node, x)
            case Residual(scale=scale):
                layers, shortcut = (self.chain(nodes, x) for nodes in branches(node))
                if scale != 1.0:
                    layers = self.graph.call_function(operator.mul, (layers, scale))
                return self.graph.call_function(operator.add, (shortcut, layers))
            case GlobalPool(of=of):
                return self.graph.call_method(of, (x, (2, 3)))
            case _ if (module := native_layers.module_of(node)) is not None:
                return self._call(node, x, self._filled(node, module))
            case _:
                return self._by_forward(node, x)

    def _by_forward(self, node: Node, x: fx.Node) -> fx.Node:
        target = _target(node)
        self.layers[target] = PluginLayer(node, self.arrays)
        given = (x, self.labels) if _read_labels((node,)) else (x,)
        return self.graph.call_module(target, given)

    def _conv(self, node: Node, layer: Conv, x: fx.Node) -> fx.Node:
        (top, bottom), (left, right) = node.padding
        if (top, left) != (bottom, right):
            x = self._call(node, x, nn.ZeroPad2d((left, right, top, bottom)), "_pad")
            top, left = 0, 0
        conv = nn.Conv2d(
            node.input[2],
            layer.filters,
            pair(layer.kernel),
            pair(layer.stride),
            (top, left),
            groups=layer.groups,
            bias=layer.bias,
            device="meta",
        )
        return self._call(node, x, self._filled(node, conv))

    def _conv_transpose(self, node: Node, layer: ConvTranspose, x: fx.Node) -> fx.Node:
        (top, bottom), (left, right) = node.padding
        both = min(top, bottom), min(left, right)
        conv = nn.ConvTranspose2d(
            node.input[2],
            layer.filters,
            pair(layer.kernel),
            pair(layer.stride),
            both,
            groups=layer.groups,
            bias=layer.bias,
            device="meta",
        )
        x = self._call(node, x, self._filled(node, conv))
        # By `narrow` and not by a padding below 0, which the ONNX exporter takes but loses the number of channels over.
        for axis, start, least, size in zip((2, 3), (top, left), both, node.output[:2], strict=True):
            if node.padding[axis - 2] != (least, least):
                x = self.graph.call_method("narrow", (x, axis, start - least, size))
        return x

    def _reshape(self, node: Node, x: fx.Node) -> fx.Node:
        if len(node.input) == 3:
            x = self.graph.call_method("permute", (x, 0, 2, 3, 1))
        x = self.graph.call_method("reshape", (x, -1, *node.output))
        return self.graph.call_method("permute", (x, 0, 3, 1, 2)) if len(node.output) == 3 else x

    def _join_label(self, node: Node, x: fx.Node) -> fx.Node:
        hot = self.graph.call_function(F.one_hot, (self.labels, node.classes))
        hot = self.graph.call_method("type_as", (hot, x))
        if len(node.input) == 3:
            hot = self.graph.call_method("reshape", (hot, -1, node.classes, 1, 1))
            hot = self.graph.call_method("expand", (hot, -1, -1, *node.input[:2]))
        return self.graph.call_function(torch.cat, ([x, hot], 1))

    def _call(self, node: Node, x: fx.Node, layer: nn.Module, suffix: str = "") -> fx.Node:
        target = _target(node) + suffix
        self.layers[target] = layer
        return self.graph.call_module(target, (x,))

    def _filled(self, node: Node, layer: nn.Module) -> nn.Module:
        """`layer`, made on the device without memory or random values, with copies of the node's arrays."""
        for key, array in self.arrays.items():
            place, _, kind = key.rpartition("/")
            if place == node.name:
                copy = _torch_layout(array).clone(memory_format=torch.contiguous_format)
                setattr(layer, _NAMES[kind], copy if kind in _RUNNING else nn.Parameter(copy))
        return layer


def _target(node: Node) -> str:
    """Where a node's layer lies in the module: `residual_02.shortcut.conv_00` for `02_residual/shortcut/00_conv`."""
    parts = ((part, *part.partition("_")) for part in node.name.split("/"))
    return ".".join(f"{kind}_{number}" if number.isdigit() else part for part, number, _, kind in parts)


def _read_labels(nodes: tuple[Node, ...]) -> bool:
    return any(node.layer.reads_labels and node.classes > 0 for node in walk(nodes))


def arrays(gan: Gan, name: NetworkName, module: nn.Module) -> State:
    """The arrays of a module that `build` made, by their names in the network, in the core's layouts.

    Arrays that the module lacks are left out.
    """
    if not isinstance(module, nn.Module):
        raise StateError(f"torch's weights are read from a torch.nn.Module, not from {type(module).__name__}")
    own = {key.removeprefix("_orig_mod."): each for key, each in module.state_dict().items()}  # torch.compile's prefix
    found = {}
    for array, key, torch_layout in _keys(gan.nodes(name)):
        if key in own:
            tensor = own[key].detach().cpu().to(torch.float64)
            found[array] = (_core_layout(tensor) if torch_layout else tensor).numpy()
    return found


def _keys(nodes: tuple[Node, ...]) -> Iterator[tuple[str, str, bool]]:
    """Of each array: its name in the network, its key in the module, and whether it is in torch's layout there.

    Two keys where a node may be a module of torch or run its own forward pass; a module has one of them.
    """
    for node in nodes:
        place = _target(node)
        if isinstance(node.layer, Residual):
            yield from _keys(node.body)
            continue
        for inner in walk((node,)):
            for each in inner.layer.parameters(inner):
                yield each.name, f"{place}.{own_name(node, each.name)}", False
        for each in node.layer.parameters(node):
            if (kind := each.name.rpartition("/")[2]) in _NAMES:
                yield each.name, f"{place}.{_NAMES[kind]}", True


def _core_layout(array: Tensor) -> Tensor:
    """The inverse of `_torch_layout`."""
    match array.ndim:
        case 4:
            return array.permute(2, 3, 1, 0)
        case 2:
            return array.t()
        case _:
            return array


def _torch_layout(array: Tensor) -> Tensor:
    match array.ndim:
        case 4:
            return to_oihw(array)
        case 2:
            return array.t()
        case _:
            return array


def _batch_norm(layer: BatchNorm, shape: Shape) -> nn.Module:
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    norm = kind(shape[-1], layer.epsilon, 1.0 - layer.decay, device="meta")
    if not layer.scale:
        norm.register_parameter("weight", None)
    if not layer.offset:
        norm.register_parameter("bias", None)
    norm.num_batches_tracked = torch.tensor(0)
    return norm
