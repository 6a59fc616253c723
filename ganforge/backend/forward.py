"""The forward pass: nodes one after another, each by its layer's own definition or by a fast form of it."""

from collections.abc import Callable
from itertools import zip_longest
from math import prod

from ganforge.backend.runtime import FastForms, FastPair, Runtime
from ganforge.spec.layers import Conv, ConvTranspose
from ganforge.spec.layers.contract import Arrays, Node, Pass
from ganforge.spec.layers.convolution import image_size, pair
from ganforge.spec.ops import Number, Tensor


def forward(
    runtime: Runtime,
    nodes: tuple[Node, ...],
    arrays: Arrays,
    x: Tensor,
    labels: Tensor | None,
    *,
    key: Number | None = None,
    moving: bool = False,
    second_order: bool = False,
    parts: int = 1,
    share: tuple[int, int] = (0, 1),
    traced: bool = False,
) -> tuple[Tensor, Pass]:
    """Pass `x`, (B, ...), through a network; returns its output and what the pass left behind.

    Args:
        labels: (B, classes), one-hot.
        key: of this pass's dropout masks; the pass is then one in training. None: by running statistics.
        moving: whether a pass in training moves the running values (`Pass.moved`).
        second_order: whether the pass's gradient is differentiated in its turn.
        parts: how many batches of as many rows each `x` holds, one after another.
        share: which of how many equal shares of the batch's rows `x` has.
        traced: whether every node's output is kept (`Pass.outputs`).
    """
    run = Pass(
        ops=runtime.ops,
        arrays=arrays,
        labels=labels,
        key=key,
        moving=moving,
        replicas=runtime.replicas,
        chain=_traced if traced else _fast(runtime.fast),
        parts=parts,
        share=share,
        second_order=second_order,
        outputs={} if traced else None,
    )
    output = run.chain(nodes, x, run)
    for name, value in run.moved.items():  # a layer may forget that they have no derivatives
        run.moved[name] = runtime.ops.stop_gradient(value)
    return output, run


def _traced(nodes: tuple[Node, ...], x: Tensor, run: Pass) -> Tensor:
    assert run.outputs is not None
    for node in nodes:
        x = run.outputs[node.name] = node.layer.forward(node, x, run)
    return x


def _fast(fast: FastForms) -> Callable[[tuple[Node, ...], Tensor, Pass], Tensor]:
    def chain(nodes: tuple[Node, ...], x: Tensor, run: Pass) -> Tensor:
        done: Node | None = None  # computed with the node before it
        for node, following in zip_longest(nodes, nodes[1:]):
            if node is done:
                continue
            if following is not None and (form := fast.pairs.get((type(node.layer), type(following.layer)))):
                made = form(node, following, x, run)
                if made is not None:
                    x, done = made, following
                    continue
            special = fast.layers.get(type(node.layer))
            made = None if special is None else special(node, x, run)
            x = node.layer.forward(node, x, run) if made is None else made
        return x

    return chain


def label_as_bias(worth: int) -> FastPair:
    """The form of a label joined to images with the convolution behind it.

    A joined label is constant maps. What a convolution makes of them is a bias for each class and place: computed once
    for each class, it is cheaper than channels of every image, and spares odd numbers of channels.

    worth: multiplications to be spared for which a few more operations pay.
    """

    def form(joined: Node, node: Node, x: Tensor, run: Pass) -> Tensor | None:
        layer, classes, ops = node.layer, joined.classes, run.ops
        assert isinstance(layer, Conv | ConvTranspose)
        area = prod(pair(layer.kernel))
        places = prod(node.output) if isinstance(layer, Conv) else prod(x.shape[1:3]) * layer.filters
        if len(x.shape) != 4 or layer.groups > 1 or (x.shape[0] - classes) * classes * area * places <= worth:
            return None
        kernel, bias = run.weights(node, x)
        ones, parts = ops.ones((1, *x.shape[1:3], 1), x), (joined.input[2], classes)
        if isinstance(layer, Conv):
            own, label = ops.split(kernel, parts, 2)
            label = ops.reshape(label, (*label.shape[:2], 1, classes * layer.filters))
            x = ops.conv(x, own, bias, pair(layer.stride), node.padding)
            maps = ops.conv(ones, label, None, pair(layer.stride), node.padding)
        else:
            own, label = ops.split(kernel, parts, 3)
            label = ops.transpose(label, (0, 1, 3, 2))
            label = ops.reshape(label, (*label.shape[:2], classes * layer.filters, 1))
            size = image_size(node.output)
            x = ops.conv_transpose(x, own, bias, pair(layer.stride), node.padding, size)
            maps = ops.conv_transpose(ones, label, None, pair(layer.stride), node.padding, size)
        maps = ops.transpose(ops.reshape(maps, (prod(node.output[:2]), classes, layer.filters)), (1, 0, 2))
        biases = ops.matmul(run.labels, ops.reshape(maps, (classes, prod(node.output))))
        return x + ops.reshape(biases, x.shape)

    return form
