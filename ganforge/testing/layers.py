"""Every layer forward, written plainly over (batch, height, width, channels) or (batch, units)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ganforge.backend.runtime import SingleProcess
from ganforge.spec.arrays import Labels
from ganforge.spec.layers import (
    BatchNorm,
    ConditionalBatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Elu,
    Flatten,
    JoinLabel,
    LeakyRelu,
    Relu,
    Reshape,
    Residual,
    Sigmoid,
    Tanh,
)
from ganforge.spec.layers import contract as core
from ganforge.spec.layers.contract import Layer, Node
from ganforge.spec.layers.convolution import pair
from ganforge.testing.convolution import conv, conv_transpose, crop
from ganforge.testing.differentiable import Tensor, np
from ganforge.testing.semantics import Semantics


class Statistics(NamedTuple):
    """What a batch norm saw: per channel, from so many `values` each."""

    mean: Tensor
    variance: Tensor
    """Biased."""
    values: int


_ALONE = SingleProcess()


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One forward pass: what it is computed with, and what it leaves behind."""

    arrays: Mapping[str, Tensor]
    """Of one network, by names such as `03_conv/kernel`."""
    labels: Labels | None
    key: int | None
    """Of the pass's dropout masks; None: by running values, nothing dropped."""
    semantics: Semantics
    moving: bool = False
    """Whether a pass in training moves what a plugin's layers keep."""
    parts: int = 1
    """How many batches of as many rows each the input holds, one after another."""
    share: tuple[int, int] = (0, 1)
    """Which of how many equal shares of the batch's rows the input has."""
    second_order: bool = False
    """Whether the gradient of this pass is differentiated in its turn."""
    outputs: dict[str, Tensor] = field(default_factory=dict)
    """Of every node, in the order in which they are done."""
    statistics: dict[str, Statistics] = field(default_factory=dict)
    """Of every batch norm, where the batch's were used."""
    moved: dict[str, Tensor] = field(default_factory=dict)
    """New values of what a plugin's layers keep."""


def forward(nodes: tuple[Node, ...], x: Tensor, run: Pass) -> Tensor:
    """The output of the last node for inputs `x`."""
    for node in nodes:
        x = run.outputs[node.name] = _layer(run.semantics.node(node), x, run)
    return x


def _layer(node: Node, x: Tensor, run: Pass) -> Tensor:
    match node.layer:
        case Dense() as layer:
            return _biased(run.semantics.product(x, _kernel(node, run)), node, layer.bias, run)
        case Conv() as layer:
            result = conv(x, _kernel(node, run), pair(layer.stride), node.padding, run.semantics.product, layer.groups)
            return _biased(result, node, layer.bias, run)
        case ConvTranspose() as layer:
            full = conv_transpose(x, _kernel(node, run), pair(layer.stride), run.semantics.product, layer.groups)
            return _biased(crop(full, node.padding), node, layer.bias, run)
        case BatchNorm() as layer:
            return _batch_norm(x, node, layer, run)
        case ConditionalBatchNorm() as layer:
            return _conditional_batch_norm(x, node, layer, run)
        case Relu():
            return np.where(x > 0, x, 0.0 * x)
        case LeakyRelu(slope=slope):
            return np.where(x > 0, x, slope * x)
        case Elu(alpha=alpha):
            # The branch not taken must not overflow: its derivative, inf times 0, would be NaN.
            return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0.0 * x, x)))
        case Tanh():
            return np.tanh(x)
        case Sigmoid():
            return 0.5 * (np.tanh(0.5 * x) + 1.0)
        case Dropout(rate=rate) as layer:
            in_training, otherwise = run.semantics.dropout_factors(layer)
            if run.key is None:
                return x * otherwise
            number, shares = run.share
            whole = run.semantics.dropout_mask(run.key, node.number, (shares * len(x), *x.shape[1:]), rate)
            mask = whole.reshape(run.parts, shares, -1, *x.shape[1:])[:, number].reshape(x.shape)
            return np.where(mask, x * in_training, 0.0 * x)
        case Reshape() | Flatten():
            return _reshape(x, node.output, run.semantics.channels_first)
        case JoinLabel():
            return run.semantics.join(x, _one_hot(node, x, run.labels))
        case Residual(layers=layers, scale=scale):
            made = forward(node.body[: len(layers)], x, run)
            return forward(node.body[len(layers) :], x, run) + scale * made
        case layer:
            return _looked_up(node, layer, x, run)


def _looked_up(node: Node, layer: Layer, x: Tensor, run: Pass) -> Tensor:
    """A kind by its second form; a plugin's by its reference, its own forward pass unless it writes it twice."""
    ops = run.semantics.ops

    def chain(nodes: tuple[Node, ...], x: Tensor, _: core.Pass) -> Tensor:
        return forward(nodes, x, run)

    return run.semantics.forms.get(type(layer), layer.reference)(
        node,
        x,
        core.Pass(
            ops=ops,
            arrays=run.arrays,
            labels=None if run.labels is None else ops.one_hot(run.labels, node.classes, x),
            key=run.key,
            moving=run.moving,
            replicas=_ALONE,
            chain=chain,
            parts=run.parts,
            share=run.share,
            second_order=run.second_order,
            moved=run.moved,
        ),
    )


def _kernel(node: Node, run: Pass) -> Tensor:
    kernel = run.semantics.kernel(node.layer, run.arrays[f"{node.name}/kernel"])
    u = run.arrays.get(f"{node.name}/u")
    if u is None:
        return kernel
    divided, u, sigma = run.semantics.spectral(kernel, u, isinstance(node.layer, ConvTranspose))
    if run.moving:
        run.moved.update({f"{node.name}/u": u, f"{node.name}/sigma": sigma})
    return divided


def _biased(x: Tensor, node: Node, bias: bool, run: Pass) -> Tensor:
    return x + run.arrays[f"{node.name}/bias"] if bias else x


def _normalised(x: Tensor, node: Node, layer: BatchNorm | ConditionalBatchNorm, run: Pass) -> Tensor:
    if run.key is None:
        mean, variance = run.arrays[f"{node.name}/mean"], run.arrays[f"{node.name}/variance"]
    else:
        mean = np.mean(x, axis=tuple(range(x.ndim - 1)))
        variance = run.semantics.variance(x, mean)
        run.statistics[node.name] = Statistics(mean, variance, x.size // x.shape[-1])
    return (x - mean) / np.sqrt(variance + layer.epsilon)


def _conditional_batch_norm(x: Tensor, node: Node, layer: ConditionalBatchNorm, run: Pass) -> Tensor:
    assert run.labels is not None
    shape = (len(x), *(1 for _ in x.shape[1:-1]), x.shape[-1])
    scale, offset = (np.reshape(run.arrays[f"{node.name}/{name}"][run.labels], shape) for name in ("scale", "offset"))
    return _normalised(x, node, layer, run) * scale + offset


def _batch_norm(x: Tensor, node: Node, layer: BatchNorm, run: Pass) -> Tensor:
    result = _normalised(x, node, layer, run)
    if layer.scale:
        result = result * run.arrays[f"{node.name}/scale"]
    return result + run.arrays[f"{node.name}/offset"] if layer.offset else result


def _reshape(x: Tensor, shape: tuple[int, ...], channels_first: bool) -> Tensor:
    if channels_first and x.ndim == 4:
        x = np.transpose(x, (0, 3, 1, 2))
    if channels_first and len(shape) == 3:
        height, width, channels = shape
        return np.transpose(np.reshape(x, (len(x), channels, height, width)), (0, 2, 3, 1))
    return np.reshape(x, (len(x), *shape))


def _one_hot(node: Node, x: Tensor, labels: Labels | None) -> Tensor:
    assert labels is not None
    rows = np.eye(node.classes, dtype=x.dtype)[labels]
    if x.ndim == 2:
        return rows
    return np.broadcast_to(rows[:, None, None, :], (*x.shape[:3], node.classes))
