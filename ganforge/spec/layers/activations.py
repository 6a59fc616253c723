"""Activations, element by element."""

from math import sqrt
from typing import Annotated

from msgspec import Meta

from ganforge.spec.layers.contract import LayerSettings, Node, Parameter, Pass, keeps_shape, no_parameters
from ganforge.spec.layers.initializers import Constant, Init, Positive
from ganforge.spec.ops import Tensor


class Relu(LayerSettings, frozen=True, kw_only=True, tag="relu"):
    """max(x, 0)."""

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """max(x, 0)."""
        return run.ops.relu(x)

    def corners(self) -> tuple[float, ...]:
        """0."""
        return (0.0,)


class LeakyRelu(LayerSettings, frozen=True, kw_only=True, tag="leaky_relu"):
    """x where x > 0, slope * x elsewhere. The slope has no default: every framework has its own."""

    slope: Annotated[float, Meta(ge=0)]

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x where x > 0, slope * x elsewhere."""
        return run.ops.leaky_relu(x, self.slope)

    def corners(self) -> tuple[float, ...]:
        """0."""
        return (0.0,)


class Elu(LayerSettings, frozen=True, kw_only=True, tag="elu"):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2015)."""

    alpha: Positive = 1.0

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x where x > 0, alpha * (exp(x) - 1) elsewhere."""
        # Without the minimum, the branch not taken overflows, and its derivative is 0 * inf.
        return run.ops.where(x > 0, x, self.alpha * run.ops.expm1(run.ops.minimum(x, 0.0)))

    def corners(self) -> tuple[float, ...]:
        """0."""
        return (0.0,)


class Gelu(LayerSettings, frozen=True, kw_only=True, tag="gelu"):
    """x * Phi(x), Phi of the normal distribution (Hendrycks and Gimpel 2016): exact, by erf, not its tanh form."""

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x / 2 * (1 + erf(x / sqrt(2)))."""
        return 0.5 * x * (1.0 + run.ops.erf(x * sqrt(0.5)))


class Silu(LayerSettings, frozen=True, kw_only=True, tag="silu"):
    """x * sigmoid(x) (Elfwing et al. 2017), also known as swish."""

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x * sigmoid(x)."""
        return x * run.ops.sigmoid(x)


class Prelu(LayerSettings, frozen=True, kw_only=True, tag="prelu"):
    """x where x > 0, slope * x elsewhere, with a learned slope of each channel (He et al. 2015, eq. 1)."""

    slope_init: Init = Constant(value=0.25)

    resolve = keeps_shape

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`slope`, (channels,)."""
        return (Parameter(name=f"{node.name}/slope", shape=node.input[-1:], init=self.slope_init),)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x where x > 0, slope * x elsewhere."""
        return run.ops.where(x > 0, x, run.ops.like(run.array(node, "slope"), x) * x)

    def corners(self) -> tuple[float, ...]:
        """0."""
        return (0.0,)


class Tanh(LayerSettings, frozen=True, kw_only=True, tag="tanh"):
    """tanh(x): images in [-1, 1]."""

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """tanh(x)."""
        return run.ops.tanh(x)


class Sigmoid(LayerSettings, frozen=True, kw_only=True, tag="sigmoid"):
    """1 / (1 + exp(-x)): images in [0, 1]. A discriminator ends in logits and needs none."""

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """1 / (1 + exp(-x))."""
        return run.ops.sigmoid(x)
