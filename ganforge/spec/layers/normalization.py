"""Batch normalisation."""

from typing import Annotated

from msgspec import Meta

from ganforge.spec.layers.contract import LayerSettings, Node, Parameter, Pass, keeps_shape
from ganforge.spec.layers.initializers import ONES, ZEROS, Init, Positive
from ganforge.spec.ops import Tensor


class BatchNorm(LayerSettings, frozen=True, kw_only=True, tag="batch_norm"):
    """Per channel (Ioffe and Szegedy 2015): biased variance to normalise, n/(n-1) variance in the running value.

    `decay` is the fraction of the running value that a step keeps: PyTorch's `1 - momentum`, Keras's `momentum`.
    """

    decay: Annotated[float, Meta(ge=0, lt=1)]
    epsilon: Positive
    scale: bool = True
    offset: bool = True
    scale_init: Init = ONES
    offset_init: Init = ZEROS

    resolve = keeps_shape

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`scale` and `offset`, where it has them, and the running `mean` and `variance`: (channels,) each."""
        channels = node.input[-1:]
        scale = Parameter(name=f"{node.name}/scale", shape=channels, init=self.scale_init)
        offset = Parameter(name=f"{node.name}/offset", shape=channels, init=self.offset_init)
        return (
            *((scale,) if self.scale else ()),
            *((offset,) if self.offset else ()),
            Parameter(name=f"{node.name}/mean", shape=channels, init=ZEROS, trained=False),
            Parameter(name=f"{node.name}/variance", shape=channels, init=ONES, trained=False),
        )

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """Normalise by the batch in training, by running statistics otherwise, in the precision of the statistics."""
        ops, mean, variance = run.ops, run.arrays[f"{node.name}/mean"], run.arrays[f"{node.name}/variance"]
        wide = ops.like(x, mean)
        if run.training:
            mean, variance, values = run.moments(wide)
            if run.moving:
                self.move(node, run, mean, variance * (values / (values - 1)))
        scale, offset = run.array(node, "scale"), run.array(node, "offset")
        factor = ops.rsqrt(variance + self.epsilon)
        normal = (wide - mean) * (factor if scale is None else scale * factor)
        return ops.like(normal if offset is None else normal + offset, x)

    def last_bias(self, node: Node) -> str | None:
        """The offset."""
        return f"{node.name}/offset" if self.offset else None

    def move(self, node: Node, run: Pass, mean: Tensor, variance: Tensor) -> None:
        """Move the running values towards a batch's mean and unbiased variance."""
        for name, seen in (("mean", mean), ("variance", variance)):
            old = run.arrays[f"{node.name}/{name}"]
            run.moved[f"{node.name}/{name}"] = self.decay * old + (1.0 - self.decay) * run.ops.stop_gradient(seen)
