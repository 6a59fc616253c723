"""Dense layers."""

from ganforge.spec.layers.contract import (
    Count,
    LayerSettings,
    Node,
    Parameter,
    Pass,
    Place,
    Resolved,
    need_rank,
)
from ganforge.spec.layers.initializers import ZEROS, GlorotUniform, Init
from ganforge.spec.layers.kernels import check_spectral, kernel_parameters
from ganforge.spec.ops import Tensor


class Dense(LayerSettings, frozen=True, kw_only=True, tag="dense"):
    """(n,) -> (units,): x @ kernel + bias."""

    units: Count
    bias: bool = True
    spectral_norm: bool = False
    kernel_init: Init = GlorotUniform()
    bias_init: Init = ZEROS

    def resolve(self, place: Place) -> Resolved:
        """(units,)."""
        need_rank(place, 1, "put a flatten layer before it")
        check_spectral(place, self)
        return Resolved((self.units,))

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`kernel` (in, units) and `bias` (units,); with spectral norm `u` (units,) and `sigma` (1,)."""
        (inputs,) = node.input
        shape = (inputs, self.units)
        return kernel_parameters(
            node, self, shape, axis=self.kernel_axis, outputs=self.units, fan_in=inputs, fan_out=self.units
        )

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x @ kernel + bias."""
        return run.ops.matmul(x, *run.weights(node, x))

    def last_bias(self, node: Node) -> str | None:
        """The bias."""
        return f"{node.name}/bias" if self.bias else None

    def products(self, node: Node) -> int:
        """in * units."""
        return node.input[0] * self.units
