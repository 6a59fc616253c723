"""Dropout by the masks of `ganforge.spec.random_streams`, the same in every framework."""

from typing import Annotated, ClassVar

from msgspec import Meta

from ganforge.spec.layers.contract import LayerSettings, Node, Pass, keeps_shape, no_parameters
from ganforge.spec.ops import Tensor


class Dropout(LayerSettings, frozen=True, kw_only=True, tag="dropout"):
    """In training an element is dropped with probability `rate`, the others grow by 1 / (1 - rate)."""

    rate: Annotated[float, Meta(ge=0, lt=1)]

    uses_key: ClassVar[bool] = True

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """Elements kept and grown in training; x otherwise."""
        if run.key is None:
            return x
        kept = run.ops.dropout_mask(run.key, node.number, tuple(x.shape), self.rate, run.starts(x), x)
        return run.ops.where(kept, x / (1.0 - self.rate), 0.0)
