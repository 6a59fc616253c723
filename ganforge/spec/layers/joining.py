"""Channels joined to all examples alike: learned ones, and how much a batch varies."""

from typing import Annotated

from msgspec import Meta

from ganforge.spec.layers.contract import Count, LayerSettings, Node, Parameter, Pass, Place, Resolved, need_rank
from ganforge.spec.layers.initializers import ONES, Init, Normal
from ganforge.spec.ops import Tensor


class LearnedConstant(LayerSettings, frozen=True, kw_only=True, tag="constant"):
    """(h, w, c) -> (h, w, c + channels): learned numbers, the same for every example, joined behind the channels.

    What a generator can begin from beside its latent (Karras et al. 2019, section 2, begin from them alone).
    """

    channels: Count
    init: Init = Normal(std=1.0)

    def resolve(self, place: Place) -> Resolved:
        """`channels` more."""
        need_rank(place, 3, "put a reshape layer before it")
        return Resolved((*place.input[:-1], place.input[-1] + self.channels))

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`value`, (h, w, channels)."""
        return (Parameter(name=f"{node.name}/value", shape=(*node.input[:-1], self.channels), init=self.init),)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x and the learned numbers."""
        return _joined(x, run.ops.like(run.array(node, "value"), x), self.channels, run)


class MinibatchStd(LayerSettings, frozen=True, kw_only=True, tag="minibatch_std"):
    """One channel more, everywhere the same number: how much the batch varies (Karras et al. 2018, section 3).

    The standard deviation over the whole batch of every element, `sqrt(variance + epsilon)`, averaged over all
    elements; not over groups of four, as in later programs. By running values, the number's running value: what an
    example gives then depends on no other.
    """

    decay: Annotated[float, Meta(ge=0, lt=1)]
    epsilon: Annotated[float, Meta(gt=0)] = 1e-8

    def resolve(self, place: Place) -> Resolved:
        """One channel more."""
        return Resolved((*place.input[:-1], place.input[-1] + 1))

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """The running `level`, (1,)."""
        return (Parameter(name=f"{node.name}/level", shape=(1,), init=ONES, trained=False),)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x and the level."""
        ops, level = run.ops, run.arrays[f"{node.name}/level"]
        if run.training:
            old = level
            elements = ops.reshape(ops.like(x, level), (x.shape[0], -1))
            spread = ops.sqrt(run.moments(elements).variance + self.epsilon)
            level = ops.reshape(ops.mean_over(spread, (0,)), (1,))
            if run.moving:
                run.moved[f"{node.name}/level"] = self.decay * old + (1.0 - self.decay) * ops.stop_gradient(level)
        return _joined(x, ops.like(level, x), 1, run)


def _joined(x: Tensor, value: Tensor, channels: int, run: Pass) -> Tensor:
    """x, and beside it `value` for every example."""
    ops = run.ops
    sizes = tuple(value.shape) if len(value.shape) == len(x.shape) - 1 else (1,) * (len(x.shape) - 2) + (channels,)
    maps = ops.broadcast(ops.reshape(value, (1, *sizes)), (*x.shape[:-1], channels))
    return ops.concat([x, maps], len(x.shape) - 1)
