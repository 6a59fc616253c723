"""Wrong forms of the layers of residual GANs: pooling, resizing, norms, spectral norm."""

from typing import Any

import numpy

from ganforge.spec.layers import AvgPool, Gelu, LayerNorm, Upsample
from ganforge.spec.layers.contract import Layer, Node, Pass
from ganforge.spec.layers.convolution import pair
from ganforge.testing.definitions import spectral
from ganforge.testing.differentiable import Tensor, getval, np
from ganforge.testing.second_forms import SECOND_FORMS, Form
from ganforge.testing.semantics import Semantics
from ganforge.testing.traps.trap import Trap
from ganforge.testing.windows import around, met


def _instead(kind: type[Layer], form: Form) -> Semantics:
    """A kind of layer computed otherwise."""
    return Semantics(forms={**SECOND_FORMS, kind: form})


def _pool_with_padding(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    size = pair(layer.size)
    return sum(met(around(x, node.padding, 0.0), size, pair(layer.stride or size))) / (size[0] * size[1])


def _corners_aligned(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    if layer.method != "bilinear":
        return SECOND_FORMS[Upsample](node, x, run)
    for axis in (1, 2):
        count, size = node.input[axis - 1], node.output[axis - 1]
        places = numpy.linspace(0.0, count - 1.0, size)
        shares = numpy.maximum(1.0 - numpy.abs(places[:, None] - numpy.arange(count)), 0.0).astype(getval(x).dtype)
        x = np.moveaxis(np.tensordot(shares, x, (1, axis)), 0, axis)
    return x


def _norm_by_pixel(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    mean = np.mean(x, axis=-1, keepdims=True)
    x = (x - mean) / np.sqrt(np.mean((x - mean) ** 2, axis=-1, keepdims=True) + layer.epsilon)
    return x * run.arrays[f"{node.name}/scale"] + run.arrays[f"{node.name}/offset"]


def _gelu_by_tanh(node: Node, x: Tensor, run: Pass) -> Tensor:
    return 0.5 * x * (1.0 + np.tanh(numpy.sqrt(2.0 / numpy.pi) * (x + 0.044715 * x**3)))


def _sigma_constant(kernel: Tensor, u: Tensor, transposed: bool) -> tuple[Tensor, Tensor, Tensor]:
    _, u, sigma = spectral(kernel, u, transposed)
    return kernel / getval(sigma), u, sigma


def _outputs_last(kernel: Tensor, u: Tensor, transposed: bool) -> tuple[Tensor, Tensor, Tensor]:
    return spectral(kernel, u, transposed and kernel.shape[-1] != len(u))


BLOCK_TRAPS = (
    Trap(
        name="pool-counts-padding",
        number=32,
        what="an average pool counts the zeros around the image as pixels",
        remedy="divide by the number of pixels that a window has within the image",
        semantics=_instead(AvgPool, _pool_with_padding),
    ),
    Trap(
        name="corners-aligned",
        number=33,
        what="bilinear upsampling lays the first and the last pixels' centres on one another",
        remedy="output i sees place (i + 1/2) * size / size' - 1/2",
        semantics=_instead(Upsample, _corners_aligned),
    ),
    Trap(
        name="layer-norm-by-pixel",
        number=34,
        what="layer norm goes over the channels of each pixel",
        remedy="take mean and variance over height, width and channels of an example",
        semantics=_instead(LayerNorm, _norm_by_pixel),
    ),
    Trap(
        name="gelu-by-tanh",
        number=35,
        what="GELU is its approximation by tanh",
        remedy="x / 2 * (1 + erf(x / sqrt(2))); say approximate=False",
        semantics=_instead(Gelu, _gelu_by_tanh),
    ),
    Trap(
        name="sigma-constant",
        number=36,
        what="spectral norm's sigma is a constant to derivatives",
        remedy="only u and v are constants: differentiate W / (u^T W v)",
        semantics=Semantics(spectral=_sigma_constant),
    ),
    Trap(
        name="spectral-rows-exchanged",
        number=36,
        what="spectral norm of a transposed convolution takes its inputs as the rows of the matrix",
        remedy="the rows are the outputs: the third axis of a transposed kernel (h, w, out, in)",
        semantics=Semantics(spectral=_outputs_last),
    ),
    Trap(
        name="u-moved-by-looking",
        number=37,
        what="spectral norm's u moves where nothing is trained",
        remedy="store u and sigma in training passes of the network's own updates alone (run.moving)",
        semantics=Semantics(moved_by_looking=True),
    ),
)
