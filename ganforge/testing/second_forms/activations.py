"""Activations."""

from ganforge.spec.layers import Gelu, Prelu, Silu
from ganforge.spec.layers.contract import Node, Pass
from ganforge.testing.differentiable import Tensor, erf, np
from ganforge.testing.second_forms.form import Forms


def _gelu(node: Node, x: Tensor, run: Pass) -> Tensor:
    return x * (1.0 + erf(x / np.sqrt(x.dtype.type(2.0)))) / 2.0


def _silu(node: Node, x: Tensor, run: Pass) -> Tensor:
    return 0.5 * x * (1.0 + np.tanh(0.5 * x))


def _prelu(node: Node, x: Tensor, run: Pass) -> Tensor:
    return np.where(x > 0, x, run.arrays[f"{node.name}/slope"] * x)


ACTIVATIONS: Forms = {Gelu: _gelu, Silu: _silu, Prelu: _prelu}
