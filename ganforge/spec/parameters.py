"""Every array of a network: its name, shape, layout and initial value, the same for every framework.

Kernels are (height, width, in, out), transposed kernels (height, width, out, in), dense kernels (in, out). Initial
values are NumPy's, drawn in float64 from the run's seed and the array's own name, so that adding a layer does not
change the others.
"""

from dataclasses import replace
from math import sqrt

import numpy as np

from ganforge.spec import random_streams
from ganforge.spec.arrays import Array, State
from ganforge.spec.layers import (
    AvgPool,
    BatchNorm,
    ConditionalBatchNorm,
    Conv,
    EmbedLabel,
    Flatten,
    GlobalPool,
    GroupNorm,
    InstanceNorm,
    JoinLabel,
    MaxPool,
    Residual,
    Upsample,
)
from ganforge.spec.layers.chain import walk
from ganforge.spec.layers.contract import UNPADDED, Node, Parameter
from ganforge.spec.layers.convolution import pair
from ganforge.spec.layers.example_norms import groups_of
from ganforge.spec.layers.initializers import Constant, GlorotUniform, HeNormal, Normal, TruncatedNormal
from ganforge.spec.layers.residual import branches


def parameters(nodes: tuple[Node, ...], *, zero_last_bias: bool = False) -> tuple[Parameter, ...]:
    """The arrays of a network in the order of its nodes.

    `zero_last_bias`: the loss does not see a shift of the logits, so that the output's bias is cancelled too.
    """
    _, cancelled = _cancelled(nodes, zero_last_bias)
    return tuple(
        replace(parameter, zero_gradient=True) if parameter.name in cancelled else parameter
        for node in walk(nodes)
        for parameter in node.layer.parameters(node)
    )


def initial(parameters: tuple[Parameter, ...], *, seed: int, network: str) -> State:
    """Initial values by `network/name`, float64."""
    return {
        f"{network}/{parameter.name}": _draw(
            parameter, random_streams.generator(seed, f"init/{network}/{parameter.name}")
        )
        for parameter in parameters
    }


def _cancelled(nodes: tuple[Node, ...], unseen: bool) -> tuple[bool, set[str]]:
    """Names of the biases that a batch or instance norm behind them subtracts again.

    unseen: whether a number added to every value of a channel of the output is cancelled by what follows `nodes`.

    Returns the same of their input beside the names. Of a residual block it holds where both branches cancel the
    number, or hand it on as a number that is cancelled behind the block.
    """
    found: set[str] = set()
    for node in reversed(nodes):
        if isinstance(node.layer, Residual):
            inner = [_cancelled(branch, unseen) for branch in branches(node)]
            unseen = all(own for own, _ in inner)
        else:
            if unseen and (bias := node.layer.last_bias(node)) is not None:
                found.add(bias)
            inner = [_cancelled(node.body, False)]
            unseen = _cancels(node) or (unseen and _hands_on(node))
        found = found.union(*(names for _, names in inner))
    return unseen, found


def _cancels(node: Node) -> bool:
    """Whether a normalisation takes each channel's own mean away."""
    match node.layer:
        case BatchNorm() | ConditionalBatchNorm():
            return True
        case InstanceNorm() | GroupNorm():
            return groups_of(node) == node.input[-1]
        case _:
            return False


def _hands_on(node: Node) -> bool:
    """Whether a number added to a channel of the input is one that is added to each channel of the output.

    Flatten only moves it, and a joined label only stands beside it: every element that it was added to stays a feature,
    or a channel, of its own. Pools, upsampling and 1x1 convolutions make a shift of a shift.
    """
    match node.layer:
        case Flatten() | JoinLabel() | EmbedLabel() | AvgPool() | MaxPool() | GlobalPool() | Upsample():
            return True
        case Conv(kernel=kernel):
            return pair(kernel) == (1, 1) and node.padding == UNPADDED
        case _:
            return False


def _draw(parameter: Parameter, stream: np.random.Generator) -> Array:
    shape = parameter.shape
    match parameter.init:
        case Constant(value=value):
            return np.full(shape, value)
        case Normal(std=std, mean=mean):
            return stream.normal(mean, std, shape)
        case HeNormal():
            return stream.normal(0.0, sqrt(2.0 / parameter.fan_in), shape)
        case GlorotUniform():
            limit = sqrt(6.0 / (parameter.fan_in + parameter.fan_out))
            return stream.uniform(-limit, limit, shape)
        case TruncatedNormal(std=std):
            values = stream.normal(0.0, 1.0, shape)
            while (beyond := np.abs(values) > 2.0).any():
                values[beyond] = stream.normal(0.0, 1.0, int(beyond.sum()))
            return values * std
