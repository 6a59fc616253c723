"""The forward pass: resolved nodes one after another, each layer as docs/semantics.md defines it. Pictures are NCHW."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from math import prod
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from ganforge.spec import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Elu,
    Flatten,
    JoinLabel,
    LeakyRelu,
    Node,
    Relu,
    Reshape,
    Residual,
    Sigmoid,
    Tanh,
    pair,
)
from ganforge_torch import dropout
from ganforge_torch.arrays import to_neutral, to_torch
from ganforge_torch.convolution import convolve, convolve_transposed
from ganforge_torch.products import product
from ganforge_torch.workers import ALONE, Group

_WORTH = 20_000_000
"""Multiplications to be spared for which a few more operations are worth while."""

Arrays: TypeAlias = Mapping[str, Tensor]
"""The arrays of one network by their names in it: `03_conv/kernel`."""


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One forward pass: all that a layer reads beside its input."""

    arrays: Arrays
    labels: Tensor | None
    """(B, classes): one-hot."""
    key: int | None
    """Of this pass's dropout masks: a pass in training. None: by running values."""
    moving: bool
    """Whether a pass in training moves the running values, in place."""
    group: Group
    parts: int
    """How many batches, of as many rows each, `x` holds one after another."""
    outputs: dict[str, Tensor] | None
    """Takes every node's output; a residual block's after those of its inner nodes."""


def forward(
    nodes: tuple[Node, ...],
    arrays: Arrays,
    x: Tensor,
    labels: Tensor | None,
    *,
    key: int | None = None,
    moving: bool = False,
    group: Group = ALONE,
    parts: int = 1,
    outputs: dict[str, Tensor] | None = None,
) -> Tensor:
    """Pass `x`, (B, units) or (B, channels, height, width), through a network; with a `key` as in training."""
    now = Pass(arrays=arrays, labels=labels, key=key, moving=moving, group=group, parts=parts, outputs=outputs)
    return _chain(nodes, x, now)


def _chain(nodes: tuple[Node, ...], x: Tensor, now: Pass) -> Tensor:
    joined: Node | None = None
    fresh = False  # whether x is a result that nothing else looks at, not even a gradient
    for node, following in zip_longest(nodes, nodes[1:]):
        if joined is None and following is not None and _joins_to_maps(node, following, x, now):
            joined = node
            continue
        x = _layer(node, x, now, fresh) if joined is None else _layer_of_joined(node, joined, x, now)
        joined, fresh = None, now.outputs is None and isinstance(node.layer, Dense | Conv | ConvTranspose | BatchNorm)
        if now.outputs is not None:
            now.outputs[node.name] = x
    return x


def _layer(node: Node, x: Tensor, now: Pass, fresh: bool) -> Tensor:
    match node.layer:
        case Dense():
            kernel, bias = _weights(node, x, now.arrays)
            return product(x, kernel.t(), bias)
        case Conv() as layer:
            return _conv(node, layer, x, now.arrays)
        case ConvTranspose() as layer:
            return _conv_transpose(node, layer, x, now.arrays)
        case BatchNorm() as layer:
            return _batch_norm(node, layer, x, now)
        case Relu():
            return F.relu(x, inplace=fresh)
        case LeakyRelu(slope=slope):
            return F.leaky_relu(x, slope, inplace=fresh)
        case Elu(alpha=alpha):
            # Not torch's own, whose second derivative at 0 itself is 0. The branch not taken must not overflow.
            return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0.0)))
        case Tanh():
            return torch.tanh(x)
        case Sigmoid():
            return torch.sigmoid(x)
        case Dropout(rate=rate):
            return x if now.key is None else _dropout(x, node.number, rate, now.key, now.group.rows(len(x), now.parts))
        case Reshape() | Flatten():
            return to_torch(to_neutral(x).reshape(-1, *node.output))
        case JoinLabel():
            return _join_label(node, x, now.labels)
        case Residual():
            return x + _chain(node.body, x, now)


# A label joined to pictures is constant maps. What a convolution makes of them is a bias for each class and place: made
# once for each class, it is cheaper than channels of every picture, and spares odd numbers of channels.


def _joins_to_maps(node: Node, following: Node, x: Tensor, now: Pass) -> bool:
    """Whether the layer behind `node`, which joins a label, does better without. A trace shows what is joined."""
    if now.outputs is not None or x.ndim != 4 or not isinstance(node.layer, JoinLabel):
        return False
    match following.layer:
        case Conv() as layer:
            places = prod(following.output)
        case ConvTranspose() as layer:
            places = prod(x.shape[2:]) * layer.filters
        case _:
            return False
    return (len(x) - node.classes) * node.classes * prod(pair(layer.kernel)) * places > _WORTH


def _layer_of_joined(node: Node, joined: Node, x: Tensor, now: Pass) -> Tensor:
    assert now.labels is not None, "a conditional network was given no labels"
    height, width, filters = node.output
    kernel, bias = _weights(node, x, now.arrays)
    parts, ones = (joined.input[2], joined.classes), x.new_ones((1, 1, *x.shape[2:]))
    match node.layer:
        case Conv() as layer:
            own, label = kernel.split(parts, 1)
            x = convolve(x, own, bias, pair(layer.stride), node.padding)
            maps = convolve(ones, label.transpose(0, 1).flatten(0, 1)[:, None], None, pair(layer.stride), node.padding)
        case ConvTranspose() as layer:
            own, label = kernel.split(parts, 0)
            size = height, width
            x = convolve_transposed(x, own, bias, pair(layer.stride), node.padding, size)
            maps = convolve_transposed(ones, label.flatten(0, 1)[None], None, pair(layer.stride), node.padding, size)
    maps = to_neutral(maps.unflatten(1, (joined.classes, filters))[0]).flatten(1)  # (classes, height * width * filters)
    return x + to_torch((now.labels @ maps).unflatten(1, (height, width, filters)))


def _weights(node: Node, x: Tensor, arrays: Arrays) -> tuple[Tensor, Tensor | None]:
    """Kernel and bias in the precision of what they are applied to, in which they are rounded where it is less."""
    kernel, bias = arrays[f"{node.name}/kernel"], arrays.get(f"{node.name}/bias")
    return kernel.to(x.dtype), None if bias is None else bias.to(x.dtype)


def _conv(node: Node, layer: Conv, x: Tensor, arrays: Arrays) -> Tensor:
    kernel, bias = _weights(node, x, arrays)
    return convolve(x, kernel, bias, pair(layer.stride), node.padding)


def _conv_transpose(node: Node, layer: ConvTranspose, x: Tensor, arrays: Arrays) -> Tensor:
    kernel, bias = _weights(node, x, arrays)
    height, width, _ = node.output
    return convolve_transposed(x, kernel, bias, pair(layer.stride), node.padding, (height, width))


def _batch_norm(node: Node, layer: BatchNorm, x: Tensor, now: Pass) -> Tensor:
    # torch's own is the definition: biased variance in the result, unbiased in the running value.
    training = now.key is not None
    if training and now.group.count > 1 and now.group.one_batch:
        return _batch_norm_of_all(node, layer, x, now)
    running = not training or now.moving
    return F.batch_norm(
        x,
        now.arrays[f"{node.name}/mean"] if running else None,
        now.arrays[f"{node.name}/variance"] if running else None,
        now.arrays.get(f"{node.name}/scale"),
        now.arrays.get(f"{node.name}/offset"),
        training=training,
        momentum=1.0 - layer.decay,
        eps=layer.epsilon,
    )


def _batch_norm_of_all(node: Node, layer: BatchNorm, x: Tensor, now: Pass) -> Tensor:
    """By the statistics of all workers' rows: from each its mean and variance, and how far the means lie apart."""
    given, x = x.dtype, x.to(now.arrays[f"{node.name}/mean"].dtype)
    variance, mean = torch.var_mean(x, [axis for axis in range(x.ndim) if axis != 1], correction=0)
    means, variances = now.group.gather(torch.stack([mean, variance])).unbind(1)
    mean = means.mean(0)
    variance = variances.mean(0) + (means - mean).square().mean(0)
    if now.moving:
        values = now.group.count * x.numel() // x.shape[1]
        for name, seen in (("mean", mean), ("variance", variance * (values / (values - 1)))):
            now.arrays[f"{node.name}/{name}"].mul_(layer.decay).add_(seen.detach(), alpha=1.0 - layer.decay)
    scale, offset = now.arrays.get(f"{node.name}/scale"), now.arrays.get(f"{node.name}/offset")
    factor = torch.rsqrt(variance + layer.epsilon)
    channels = (-1, *(1 for _ in x.shape[2:]))
    x = (x - mean.view(channels)) * (factor if scale is None else scale * factor).view(channels)
    return (x if offset is None else x + offset.view(channels)).to(given)


def _dropout(x: Tensor, number: int, rate: float, key: int, rows: tuple[int, ...]) -> Tensor:
    each = to_neutral(x)
    starts = tuple(row * each[0].numel() for row in rows)
    kept = dropout.kept(key, number, each.numel(), rate, x.device, starts).view(each.shape)
    return to_torch(torch.where(kept, each / (1.0 - rate), 0.0))


def _join_label(node: Node, x: Tensor, labels: Tensor | None) -> Tensor:
    assert labels is not None, "a conditional network was given no labels"
    each = to_neutral(x)
    spread = labels.view(-1, *(1 for _ in node.input[1:]), node.classes).expand(*each.shape[:-1], -1)
    return to_torch(torch.cat([each, spread], dim=-1))
