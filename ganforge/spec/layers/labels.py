"""Layers that read the label."""

from typing import ClassVar

from ganforge.errors import SpecError
from ganforge.spec.layers.contract import (
    Count,
    LayerSettings,
    Node,
    Parameter,
    Pass,
    Place,
    Resolved,
    need_rank,
    no_parameters,
)
from ganforge.spec.layers.initializers import ZEROS, GlorotUniform, Init
from ganforge.spec.layers.kernels import check_spectral, kernel_parameters
from ganforge.spec.ops import Tensor


class JoinLabel(LayerSettings, frozen=True, kw_only=True, tag="join_label"):
    """The label joined at the end of the last axis: one-hot to a vector, as constant maps to an image."""

    reads_labels: ClassVar[bool] = True

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """As many channels more as there are classes."""
        if place.classes < 1:
            raise SpecError(f"layer {place.name} joins a label, but the network has no classes; the data has no labels")
        return Resolved((*place.input[:-1], place.input[-1] + place.classes))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x and the label."""
        assert run.labels is not None, "a conditional network was given no labels"
        return _beside(x, run.labels, run)


class EmbedLabel(LayerSettings, frozen=True, kw_only=True, tag="embed_label"):
    """A learned vector of the label joined at the end of the last axis; to an image as constant maps."""

    units: Count
    kernel_init: Init = GlorotUniform()

    reads_labels: ClassVar[bool] = True

    def resolve(self, place: Place) -> Resolved:
        """`units` more channels."""
        need_classes(place)
        return Resolved((*place.input[:-1], place.input[-1] + self.units))

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`kernel` (classes, units): a row for each class."""
        shape = (node.classes, self.units)
        kernel = Parameter(
            name=f"{node.name}/kernel", shape=shape, init=self.kernel_init, fan_in=shape[0], fan_out=shape[1]
        )
        return (kernel,)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x and the label's row."""
        return _beside(x, run.ops.matmul(run.ops.like(run.labels, x), run.weights(node, x)[0]), run)


class ProjectLabel(LayerSettings, frozen=True, kw_only=True, tag="project_label"):
    """(n,) -> (1,): the input times a learned vector of the label (Miyato and Koyama 2018, eq. 3).

    A projection discriminator adds it to a dense layer's logit: a residual block with this in `layers` and the dense
    layer in `shortcut`.
    """

    spectral_norm: bool = False
    kernel_init: Init = GlorotUniform()

    bias: ClassVar[bool] = False
    bias_init: ClassVar[Init] = ZEROS
    reads_labels: ClassVar[bool] = True

    def resolve(self, place: Place) -> Resolved:
        """(1,)."""
        need_rank(place, 1, "put a flatten or global_pool layer before it")
        need_classes(place)
        check_spectral(place, self)
        return Resolved((1,))

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`kernel` (in, classes): a column for each class; with spectral norm `u` (classes,) and `sigma`."""
        shape = (node.input[0], node.classes)
        return kernel_parameters(node, self, shape, axis=self.kernel_axis, outputs=1, fan_in=shape[0], fan_out=shape[1])

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """Of the products with all classes that of the label."""
        ops = run.ops
        products = ops.matmul(x, run.weights(node, x)[0])
        return ops.reshape(ops.sum_over(products * ops.like(run.labels, x), (1,)), (x.shape[0], 1))

    def products(self, node: Node) -> int:
        """in * classes."""
        return node.input[0] * node.classes


def need_classes(place: Place) -> None:
    """Check that the network has labels.

    Raises:
        SpecError: it has none.
    """
    if place.classes < 1:
        raise SpecError(
            f"layer {place.name} reads the label, but the network has no classes; set conditional = true, "
            "with data that has labels, or leave the layer out"
        )


def _beside(x: Tensor, rows: Tensor, run: Pass) -> Tensor:
    """x, and after its channels (B, n) at every pixel."""
    ops, count = run.ops, rows.shape[1]
    maps = ops.reshape(rows, (x.shape[0], *(1 for _ in x.shape[1:-1]), count))
    return ops.concat([x, ops.broadcast(maps, (*x.shape[:-1], count))], len(x.shape) - 1)
