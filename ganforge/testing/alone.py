"""A layer called on its own, over plain NumPy."""

from collections.abc import Mapping

from ganforge.backend.runtime import SingleProcess
from ganforge.spec.layers.chain import walk
from ganforge.spec.layers.contract import Node, Parameter, Pass, Replicas
from ganforge.testing.differentiable import Tensor
from ganforge.testing.ops import NUMPY_OPS, NumpyOps

ALONE = SingleProcess()


def layer_pass(
    arrays: Mapping[str, Tensor],
    *,
    labels: Tensor | None = None,
    key: int | None = None,
    moving: bool = False,
    ops: NumpyOps = NUMPY_OPS,
    replicas: Replicas = ALONE,
) -> Pass:
    """A pass by the layers' own `forward`, inner layers included."""
    return Pass(ops=ops, arrays=arrays, labels=labels, key=key, moving=moving, replicas=replicas, chain=_chain)


def run_layer(
    node: Node, x: Tensor, arrays: Mapping[str, Tensor], *, labels: Tensor | None = None, key: int | None = None
) -> Tensor:
    """The output of a layer for `x`, (B, *node.input), to be held against values worked out by hand.

    Args:
        node: as `ganforge.spec.resolve_node` makes it.
        arrays: by their names, as `00_dense/kernel`.
        labels: (B, classes), one-hot.
        key: of a pass in training; None: by running values.
    """
    return node.layer.forward(node, x, layer_pass(arrays, labels=labels, key=key))


def all_parameters(node: Node) -> list[Parameter]:
    """The arrays of a node and of its inner nodes."""
    return [each for inner in walk((node,)) for each in inner.layer.parameters(inner)]


def _chain(nodes: tuple[Node, ...], x: Tensor, run: Pass) -> Tensor:
    for node in nodes:
        x = node.layer.forward(node, x, run)
    return x
