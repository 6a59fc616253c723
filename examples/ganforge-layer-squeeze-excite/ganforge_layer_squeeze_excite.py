"""The squeeze-and-excitation block (Hu et al. 2018), written once for every backend."""

from collections.abc import Iterable
from typing import Any

from ganforge import hookimpl
from ganforge.spec import (
    Count,
    GlorotUniform,
    Init,
    LayerEntry,
    LayerSettings,
    Node,
    Parameter,
    Pass,
    Place,
    Resolved,
    Tensor,
    need_rank,
)


class SqueezeExcite(LayerSettings, frozen=True, kw_only=True, tag="squeeze_excite"):
    """(h, w, c) -> (h, w, c): every channel times a number in (0, 1) made of all channels' means.

    Hu et al. 2018, *Squeeze-and-excitation networks*, section 3, equations 2 to 4; without biases, as there.
    """

    ratio: Count = 16
    """How many times fewer hidden units than channels; at least one is left."""
    kernel_init: Init = GlorotUniform()

    def resolve(self, place: Place) -> Resolved:
        """The input's shape."""
        need_rank(place, 3, "put a reshape layer before it")
        return Resolved(place.input)

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`squeeze` (channels, hidden) and `excite` (hidden, channels)."""
        channels = node.input[2]
        hidden = max(1, channels // self.ratio)
        return (self._kernel(node, "squeeze", channels, hidden), self._kernel(node, "excite", hidden, channels))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x * sigmoid(relu(mean(x) @ squeeze) @ excite)."""
        ops = run.ops
        squeeze, excite = (ops.like(run.array(node, name), x) for name in ("squeeze", "excite"))
        hidden = ops.relu(ops.matmul(ops.mean_over(x, (1, 2)), squeeze))
        scale = ops.sigmoid(ops.matmul(hidden, excite))
        return x * ops.reshape(scale, (x.shape[0], 1, 1, x.shape[3]))

    def reference(self, node: Node, x: Any, run: Pass) -> Any:
        """The equations once more, in NumPy."""
        import autograd.numpy as np

        z = np.einsum("bhwc->bc", x) / (x.shape[1] * x.shape[2])
        hidden = np.dot(z, run.array(node, "squeeze"))
        hidden = hidden * (hidden > 0)
        scale = 1.0 / (1.0 + np.exp(-np.dot(hidden, run.array(node, "excite"))))
        return np.einsum("bhwc,bc->bhwc", x, scale)

    def _kernel(self, node: Node, name: str, inputs: int, units: int) -> Parameter:
        return Parameter(
            name=f"{node.name}/{name}", shape=(inputs, units), init=self.kernel_init, fan_in=inputs, fan_out=units
        )


@hookimpl
def ganforge_layers() -> Iterable[LayerEntry]:
    """The block."""
    yield LayerEntry(
        layer=SqueezeExcite,
        summary="channels weighted by what all of them hold (Hu et al. 2018, section 3)",
        examples=(SqueezeExcite(ratio=2), SqueezeExcite()),
    )
