"""Normalisation of every example by itself: the same in training and otherwise, and in any company."""

from math import prod
from typing import TypeAlias

from ganforge.errors import SpecError
from ganforge.spec.layers.contract import (
    Count,
    LayerSettings,
    Node,
    Parameter,
    Pass,
    Place,
    Resolved,
    keeps_shape,
    need_rank,
    no_parameters,
)
from ganforge.spec.layers.groups import check_groups
from ganforge.spec.layers.initializers import ONES, ZEROS, Init, Positive
from ganforge.spec.ops import Tensor


class LayerNorm(LayerSettings, frozen=True, kw_only=True, tag="layer_norm"):
    """By the mean and variance of all elements of an example (Ba et al. 2016, eq. 3); then a scale and an offset.

    Both are of each channel, as in critics with a gradient penalty (Gulrajani et al. 2017, section 4).
    """

    epsilon: Positive
    scale: bool = True
    offset: bool = True
    scale_init: Init = ONES
    offset_init: Init = ZEROS

    def resolve(self, place: Place) -> Resolved:
        """The input's shape."""
        return _several(place, 1)

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`scale` and `offset`, (channels,), where it has them."""
        return _parameters(node, self)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """As one group of all channels."""
        return _normalised(node, x, run, self.epsilon)

    def last_bias(self, node: Node) -> str | None:
        """The offset."""
        return f"{node.name}/offset" if self.offset else None


class InstanceNorm(LayerSettings, frozen=True, kw_only=True, tag="instance_norm"):
    """By the mean and variance of each channel of an example (Ulyanov et al. 2016); then a scale and an offset."""

    epsilon: Positive
    scale: bool = True
    offset: bool = True
    scale_init: Init = ONES
    offset_init: Init = ZEROS

    def resolve(self, place: Place) -> Resolved:
        """The input's shape."""
        need_rank(place, 3, "a channel of a vector is one number; take layer_norm")
        return _several(place, place.input[-1])

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`scale` and `offset`, (channels,), where it has them."""
        return _parameters(node, self)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """As groups of one channel."""
        return _normalised(node, x, run, self.epsilon)

    def last_bias(self, node: Node) -> str | None:
        """The offset."""
        return f"{node.name}/offset" if self.offset else None


class GroupNorm(LayerSettings, frozen=True, kw_only=True, tag="group_norm"):
    """By the mean and variance of each group of neighbouring channels of an example (Wu and He 2018, eq. 7)."""

    groups: Count
    epsilon: Positive
    scale: bool = True
    offset: bool = True
    scale_init: Init = ONES
    offset_init: Init = ZEROS

    def resolve(self, place: Place) -> Resolved:
        """The input's shape."""
        check_groups(place, self.groups, place.input[-1], "input channels")
        return _several(place, self.groups)

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`scale` and `offset`, (channels,), where it has them."""
        return _parameters(node, self)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """Normalise each group."""
        return _normalised(node, x, run, self.epsilon)

    def last_bias(self, node: Node) -> str | None:
        """The offset."""
        return f"{node.name}/offset" if self.offset else None


class PixelNorm(LayerSettings, frozen=True, kw_only=True, tag="pixel_norm"):
    """Every pixel divided by the root of the mean square of its channels (Karras et al. 2018, section 4.2)."""

    epsilon: Positive = 1e-8

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x / sqrt(mean(x^2) + epsilon) over the last axis."""
        ops, last = run.ops, len(x.shape) - 1
        square = ops.mean_over(ops.square(x), (last,))
        return x * ops.reshape(ops.rsqrt(square + self.epsilon), (*x.shape[:-1], 1))


ExampleNorm: TypeAlias = LayerNorm | InstanceNorm | GroupNorm


def groups_of(node: Node) -> int:
    """How many groups an example's channels fall into, each with a mean and a variance of its own."""
    match node.layer:
        case GroupNorm(groups=groups):
            return groups
        case InstanceNorm():
            return node.input[-1]
        case _:
            return 1


def _several(place: Place, groups: int) -> Resolved:
    """The input's shape, of which each group must hold two numbers or more: one alone is 0 when normalised."""
    if prod(place.input) < 2 * groups:
        raise SpecError(f"layer {place.name} would normalise single numbers: {place.input} in {groups} groups")
    return Resolved(place.input)


def _parameters(node: Node, layer: ExampleNorm) -> tuple[Parameter, ...]:
    channels = node.input[-1:]
    scale = Parameter(name=f"{node.name}/scale", shape=channels, init=layer.scale_init)
    offset = Parameter(name=f"{node.name}/offset", shape=channels, init=layer.offset_init)
    return (*((scale,) if layer.scale else ()), *((offset,) if layer.offset else ()))


def _normalised(node: Node, x: Tensor, run: Pass, epsilon: float) -> Tensor:
    """In the precision of the arrays, by the biased variance."""
    ops, scale, offset = run.ops, run.array(node, "scale"), run.array(node, "offset")
    held = next((each for each in (scale, offset) if each is not None), x)
    channels, groups = node.input[-1], groups_of(node)
    wide = ops.reshape(ops.like(x, held), (x.shape[0], -1, groups, channels // groups))
    ones = (x.shape[0], 1, groups, 1)
    away = wide - ops.reshape(ops.mean_over(wide, (1, 3)), ones)
    variance = ops.reshape(ops.mean_over(ops.square(away), (1, 3)), ones)
    normal = ops.reshape(away * ops.rsqrt(variance + epsilon), tuple(x.shape))
    normal = normal if scale is None else normal * scale
    return ops.like(normal if offset is None else normal + offset, x)
