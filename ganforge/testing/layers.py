"""Every layer forward, written plainly over (batch, height, width, channels) or (batch, units)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from ganforge.spec.arrays import Labels
from ganforge.spec.layers import (
    BatchNorm,
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
from ganforge.spec.layers.contract import Node
from ganforge.spec.layers.convolution import pair
from ganforge.spec.ops import Sides
from ganforge.testing.differentiable import Tensor, np, put, take
from ganforge.testing.semantics import Semantics


class Statistics(NamedTuple):
    """What a batch norm saw: per channel, from so many `values` each."""

    mean: Tensor
    variance: Tensor
    """Biased."""
    values: int


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One forward pass: what it is computed with, and what it leaves behind."""

    arrays: Mapping[str, Tensor]
    """Of one network, by names such as `03_conv/kernel`."""
    labels: Labels | None
    key: int | None
    """Of the pass's dropout masks; None: by running values, nothing dropped."""
    semantics: Semantics
    outputs: dict[str, Tensor] = field(default_factory=dict)
    """Of every node, in the order in which they are done."""
    statistics: dict[str, Statistics] = field(default_factory=dict)
    """Of every batch norm, where the batch's were used."""


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
            result = _conv(x, _kernel(node, run), pair(layer.stride), node.padding, run)
            return _biased(result, node, layer.bias, run)
        case ConvTranspose() as layer:
            full = _conv_transpose(x, _kernel(node, run), pair(layer.stride), run)
            return _biased(_crop(full, node.padding), node, layer.bias, run)
        case BatchNorm() as layer:
            return _batch_norm(x, node, layer, run)
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
        case Dropout(rate=rate):
            if run.key is None:
                return x
            return np.where(
                run.semantics.dropout_mask(run.key, node.number, x.shape, rate), x * run.semantics.growth(rate), 0.0 * x
            )
        case Reshape() | Flatten():
            return _reshape(x, node.output, run.semantics.channels_first)
        case JoinLabel():
            return run.semantics.join(x, _one_hot(node, x, run.labels))
        case Residual():
            return x + forward(node.body, x, run)


def _kernel(node: Node, run: Pass) -> Tensor:
    return run.semantics.kernel(node.layer, run.arrays[f"{node.name}/kernel"])


def _biased(x: Tensor, node: Node, bias: bool, run: Pass) -> Tensor:
    return x + run.arrays[f"{node.name}/bias"] if bias else x


def _places(kernel: Tensor, stride: tuple[int, int], rows: int, columns: int) -> Any:
    """For every position of the kernel: its index, and the pixels that it meets, one for each of rows x columns."""
    for i, j in product(range(kernel.shape[0]), range(kernel.shape[1])):
        down = slice(i, i + (rows - 1) * stride[0] + 1, stride[0])
        across = slice(j, j + (columns - 1) * stride[1] + 1, stride[1])
        yield (i, j), (slice(None), down, across)


def _conv(x: Tensor, kernel: Tensor, stride: tuple[int, int], padding: Sides, run: Pass) -> Tensor:
    batch, height, width, channels = x.shape
    (top, bottom), (left, right) = padding
    inside = (slice(None), slice(top, top + height), slice(left, left + width))
    padded = put(x, inside, (batch, top + height + bottom, left + width + right, channels))
    rows = (padded.shape[1] - kernel.shape[0]) // stride[0] + 1
    columns = (padded.shape[2] - kernel.shape[1]) // stride[1] + 1
    return sum(
        run.semantics.product(take(padded, met), take(kernel, place))
        for place, met in _places(kernel, stride, rows, columns)
    )


def _conv_transpose(x: Tensor, kernel: Tensor, stride: tuple[int, int], run: Pass) -> Tensor:
    batch, rows, columns, _ = x.shape
    height, width = (rows - 1) * stride[0] + kernel.shape[0], (columns - 1) * stride[1] + kernel.shape[1]
    full = (batch, height, width, kernel.shape[2])
    return sum(
        put(run.semantics.product(x, take(kernel, place).T), met, full)
        for place, met in _places(kernel, stride, rows, columns)
    )


def _crop(x: Tensor, padding: Sides) -> Tensor:
    (top, bottom), (left, right) = padding
    return take(x, (slice(None), slice(top, x.shape[1] - bottom), slice(left, x.shape[2] - right)))


def _batch_norm(x: Tensor, node: Node, layer: BatchNorm, run: Pass) -> Tensor:
    if run.key is None:
        mean, variance = run.arrays[f"{node.name}/mean"], run.arrays[f"{node.name}/variance"]
    else:
        mean = np.mean(x, axis=tuple(range(x.ndim - 1)))
        variance = run.semantics.variance(x, mean)
        run.statistics[node.name] = Statistics(mean, variance, x.size // x.shape[-1])
    result = (x - mean) / np.sqrt(variance + layer.epsilon)
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
