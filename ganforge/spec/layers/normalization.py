"""Batch normalisation."""

from typing import Annotated, ClassVar

from msgspec import Meta

from ganforge.spec.layers.contract import LayerSettings, Node, Parameter, Pass, Place, Resolved, keeps_shape
from ganforge.spec.layers.initializers import ONES, ZEROS, Init, Positive
from ganforge.spec.layers.labels import need_classes
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
        ops = run.ops
        wide, mean, variance = _seen(self, node, x, run)
        scale, offset = run.array(node, "scale"), run.array(node, "offset")
        factor = ops.rsqrt(variance + self.epsilon)
        normal = (wide - mean) * (factor if scale is None else scale * factor)
        return ops.like(normal if offset is None else normal + offset, x)

    def last_bias(self, node: Node) -> str | None:
        """The offset."""
        return f"{node.name}/offset" if self.offset else None

    def move(self, node: Node, run: Pass, mean: Tensor, variance: Tensor) -> None:
        """Move the running values towards a batch's mean and unbiased variance."""
        _move(self.decay, node, run, mean, variance)


class ConditionalBatchNorm(LayerSettings, frozen=True, kw_only=True, tag="conditional_batch_norm"):
    """Batch norm with a scale and an offset of each class (de Vries et al. 2017; Miyato and Koyama 2018).

    The statistics are those of the whole batch, whatever its labels.
    """

    decay: Annotated[float, Meta(ge=0, lt=1)]
    epsilon: Positive
    scale_init: Init = ONES
    offset_init: Init = ZEROS

    reads_labels: ClassVar[bool] = True

    def resolve(self, place: Place) -> Resolved:
        """The input's shape."""
        need_classes(place)
        return Resolved(place.input)

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`scale` and `offset`, (classes, channels), and the running `mean` and `variance`, (channels,)."""
        channels, each = node.input[-1:], (node.classes, node.input[-1])
        return (
            Parameter(name=f"{node.name}/scale", shape=each, init=self.scale_init),
            Parameter(name=f"{node.name}/offset", shape=each, init=self.offset_init),
            Parameter(name=f"{node.name}/mean", shape=channels, init=ZEROS, trained=False),
            Parameter(name=f"{node.name}/variance", shape=channels, init=ONES, trained=False),
        )

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """Normalise as batch norm does; then each example by the row of its label."""
        ops = run.ops
        wide, mean, variance = _seen(self, node, x, run)
        normal = (wide - mean) * ops.rsqrt(variance + self.epsilon)
        scale, offset = self.rows(node, normal, run)
        return ops.like(normal * scale + offset, x)

    def rows(self, node: Node, normal: Tensor, run: Pass) -> tuple[Tensor, Tensor]:
        """Scale and offset of every example, to be multiplied with images or vectors."""
        ops, shape = run.ops, (normal.shape[0], *(1 for _ in normal.shape[1:-1]), normal.shape[-1])
        scale, offset = (
            ops.reshape(ops.like(ops.matmul(ops.like(run.labels, each), each), normal), shape)
            for each in (run.array(node, "scale"), run.array(node, "offset"))
        )
        return scale, offset

    def move(self, node: Node, run: Pass, mean: Tensor, variance: Tensor) -> None:
        """Move the running values towards a batch's mean and unbiased variance."""
        _move(self.decay, node, run, mean, variance)


def _seen(layer: BatchNorm | ConditionalBatchNorm, node: Node, x: Tensor, run: Pass) -> tuple[Tensor, Tensor, Tensor]:
    """x in the precision of the statistics, and these: the batch's in training, which may move the running ones."""
    ops, mean, variance = run.ops, run.arrays[f"{node.name}/mean"], run.arrays[f"{node.name}/variance"]
    wide = ops.like(x, mean)
    if run.training:
        mean, variance, values = run.moments(wide)
        if run.moving:
            layer.move(node, run, mean, variance * (values / (values - 1)))
    return wide, mean, variance


def _move(decay: float, node: Node, run: Pass, mean: Tensor, variance: Tensor) -> None:
    for name, seen in (("mean", mean), ("variance", variance)):
        old = run.arrays[f"{node.name}/{name}"]
        run.moved[f"{node.name}/{name}"] = decay * old + (1.0 - decay) * run.ops.stop_gradient(seen)
