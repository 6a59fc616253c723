"""A layer that torch has no module for, as a plugin's, made one."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganforge.backend import SingleProcess
from ganforge.spec import Node, Pass, walk
from ganforge_torch.ops import TorchOps, to_nchw, to_nhwc


class PluginLayer(nn.Module):
    """Runs the layer's own `forward` with torch's operations, so ganforge and the plugin have to be installed.

    Images are (B, channels, height, width), labels (B,) integers. Trained arrays are parameters; the others are
    buffers, which a pass in training moves. Random keys are drawn from torch's generator.
    """

    def __init__(self, node: Node, arrays: Mapping[str, Tensor]) -> None:
        """`arrays`: of the whole network; those of the node and of its inner nodes are copied."""
        super().__init__()
        self.node = node
        for inner in walk((node,)):
            for each in inner.layer.parameters(inner):
                copy = arrays[each.name].detach().clone()
                if each.trained:
                    self.register_parameter(self._own(each.name), nn.Parameter(copy))
                else:
                    self.register_buffer(self._own(each.name), copy)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """The layer's output."""
        node, ops, own = self.node, TorchOps(replicas=SingleProcess()), self._own
        wide = to_nhwc(x)
        run = Pass(
            ops=ops,
            arrays={
                each.name: getattr(self, own(each.name))
                for inner in walk((node,))
                for each in inner.layer.parameters(inner)
            },
            labels=None if labels is None else ops.one_hot(labels, node.classes, wide),
            key=int(torch.randint(2**32, ())) if self.training else None,
            moving=self.training,
            replicas=ops.replicas,
            chain=_chain,
        )
        made = node.layer.forward(node, wide, run)
        with torch.no_grad():
            for name, value in run.moved.items():
                getattr(self, own(name)).copy_(value)
        return to_nchw(made)

    def _own(self, name: str) -> str:
        return own_name(self.node, name)

    def extra_repr(self) -> str:
        """The kind and its settings, where torch prints the module."""
        return repr(self.node.layer)


def own_name(node: Node, array: str) -> str:
    """What the module of a node calls an array: `kernel`, or `00_conv_kernel` of an inner node."""
    return array.removeprefix(f"{node.name}/").replace("/", "_")


def _chain(nodes: tuple[Node, ...], x: Tensor, run: Pass) -> Tensor:
    for node in nodes:
        x = node.layer.forward(node, x, run)
    return x
