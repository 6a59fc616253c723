"""Dropout by the masks of `ganforge.spec.random_streams`, the same in every framework."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from ganforge.spec.layers.contract import LayerSettings, Node, Pass, keeps_shape, no_parameters
from ganforge.spec.ops import Tensor


class Dropout(LayerSettings, frozen=True, kw_only=True, tag="dropout"):
    """In training an element is dropped with probability `rate` (Srivastava et al. 2014).

    So that its mean is the same by running values, what is kept grows by 1 / (1 - rate) in training, or everything
    shrinks by 1 - rate in inference: PyTorch's and Keras's way, and that of the paper and of Paddle's default,
    `downgrade_in_infer`.
    """

    rate: Annotated[float, Meta(ge=0, lt=1)]
    scale_at: Literal["training", "inference"] = "training"

    uses_key: ClassVar[bool] = True

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """Elements kept in training; all of them otherwise."""
        late = self.scale_at == "inference"
        if run.key is None:
            return x * (1.0 - self.rate) if late else x
        kept = run.ops.dropout_mask(run.key, node.number, tuple(x.shape), self.rate, run.starts(x), x)
        return run.ops.where(kept, x if late else x / (1.0 - self.rate), 0.0)
