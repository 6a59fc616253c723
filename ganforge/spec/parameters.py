"""Every array of a network: its name, shape, layout and initial value, the same for every framework.

Kernels are (height, width, in, out), transposed kernels (height, width, out, in), dense kernels (in, out). Initial
values are NumPy's, drawn in float64 from the run's seed and the array's own name, so that adding a layer does not
change the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod, sqrt

import numpy as np

from ganforge.spec import streams
from ganforge.spec.arrays import Array, State
from ganforge.spec.layers import (
    ONES,
    ZEROS,
    BatchNorm,
    Constant,
    Conv,
    ConvTranspose,
    Dense,
    Flatten,
    GlorotUniform,
    HeNormal,
    Init,
    JoinLabel,
    Normal,
    Residual,
    Shape,
    TruncatedNormal,
)
from ganforge.spec.shapes import Node, pair, walk


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One array of a network."""

    name: str
    """The node's name and the array's: `03_conv/kernel`."""
    shape: Shape
    init: Init
    fan_in: int = 1
    fan_out: int = 1
    trained: bool = True
    """False for running statistics, which no optimizer touches."""
    zero_gradient: bool = False
    """A bias that the next batch norm cancels: its gradient is rounding noise and *defined* as zero.

    Adam would otherwise blow that noise up to steps of full size, different in every framework.
    """


def parameters(nodes: tuple[Node, ...], *, zero_last_bias: bool = False) -> tuple[Parameter, ...]:
    """The arrays of a network in the order of its nodes.

    `last_bias_still`: the loss does not see a shift of the logits, so that the output's bias is cancelled too.
    """
    cancelled = _cancelled(nodes) | (_tail(nodes) if zero_last_bias else set())
    return tuple(
        replace(parameter, zero_gradient=True) if parameter.name in cancelled else parameter
        for node in walk(nodes)
        for parameter in _of(node)
    )


def initial(parameters: tuple[Parameter, ...], *, seed: int, network: str) -> State:
    """Initial values by `network/name`, float64."""
    return {
        f"{network}/{parameter.name}": _draw(parameter, streams.generator(seed, f"init/{network}/{parameter.name}"))
        for parameter in parameters
    }


def _of(node: Node) -> Iterator[Parameter]:
    match node.layer:
        case Dense() as layer:
            kernel: Shape = (node.input[0], layer.units)
            fans, width = (node.input[0], layer.units), layer.units
        case Conv() as layer:
            size, width = pair(layer.kernel), layer.filters
            kernel = (*size, node.input[2], layer.filters)
            fans = (prod(size) * node.input[2], prod(size) * layer.filters)
        case ConvTranspose() as layer:
            size, width = pair(layer.kernel), layer.filters
            kernel = (*size, layer.filters, node.input[2])
            fans = (prod(size) * node.input[2], prod(size) * layer.filters)
        case BatchNorm() as layer:
            channels = (node.input[-1],)
            if layer.scale:
                yield Parameter(name=f"{node.name}/scale", shape=channels, init=layer.scale_init)
            if layer.offset:
                yield Parameter(name=f"{node.name}/offset", shape=channels, init=layer.offset_init)
            yield Parameter(name=f"{node.name}/mean", shape=channels, init=ZEROS, trained=False)
            yield Parameter(name=f"{node.name}/variance", shape=channels, init=ONES, trained=False)
            return
        case _:
            return
    yield Parameter(name=f"{node.name}/kernel", shape=kernel, init=layer.kernel_init, fan_in=fans[0], fan_out=fans[1])
    if layer.bias:
        yield Parameter(name=f"{node.name}/bias", shape=(width,), init=layer.bias_init)


def _cancelled(nodes: tuple[Node, ...]) -> set[str]:
    """Names of the biases that a batch norm right behind them subtracts again."""
    found: set[str] = set()
    for place, node in enumerate(nodes):
        if isinstance(node.layer, BatchNorm):
            found |= _tail(nodes[:place])
    return found.union(*(_cancelled(node.body) for node in nodes))


def _tail(nodes: tuple[Node, ...]) -> set[str]:
    """The bias added last by `nodes`: of a residual block, that of its last inner layer, since x + (y + b).

    Flatten only moves it, and a joined label only stands beside it: every element that it was added to stays a feature,
    or a channel, of its own.
    """
    last = nodes[-1] if nodes else None
    match last.layer if last else None:
        case Dense() | Conv() | ConvTranspose():
            assert last is not None
            return {f"{last.name}/bias"}
        case Residual():
            assert last is not None
            return _tail(last.body)
        case Flatten() | JoinLabel():
            return _tail(nodes[:-1])
        case _:
            return set()


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
