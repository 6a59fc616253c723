"""Wrong forms of layers: paddings, layouts, batch norm, activations, dropout."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import msgspec
import numpy

from ganforge.spec.layers import BatchNorm, Conv, ConvTranspose, Dense, Dropout, Elu, LeakyRelu
from ganforge.spec.layers.contract import Layer, Node
from ganforge.spec.ops import Sides
from ganforge.testing.definitions import dropout_mask
from ganforge.testing.differentiable import Tensor, np
from ganforge.testing.semantics import Semantics
from ganforge.testing.traps.trap import Trap


def _sides_exchanged(kind: type) -> Semantics:
    def node(node: Node) -> Node:
        (top, bottom), (left, right) = node.padding
        sides: Sides = ((bottom, top), (right, left))
        return replace(node, padding=sides) if isinstance(node.layer, kind) else node

    return Semantics(node=node)


def _setting(kind: type, field: str, value: Callable[[float], float]) -> Semantics:
    """A number of a layer replaced by another."""

    def node(node: Node) -> Node:
        if not isinstance(node.layer, kind):
            return node
        layer: Any = node.layer
        return replace(node, layer=msgspec.structs.replace(layer, **{field: value(getattr(layer, field))}))

    return Semantics(node=node)


def _kernel(kind: type, change: Callable[[Tensor], Tensor]) -> Semantics:
    """Kernels of a kind of layer in another layout, where that has the same shape."""

    def kernel(layer: Layer, values: Tensor) -> Tensor:
        changed = change(values) if isinstance(layer, kind) else values
        return changed if changed.shape == values.shape else values

    return Semantics(kernel=kernel)


def _variance_by_squares(x: Tensor, mean: Tensor) -> Tensor:
    return np.mean(x * x, axis=tuple(range(x.ndim - 1))) - mean * mean


def _variance_unbiased(x: Tensor, mean: Tensor) -> Tensor:
    return np.sum((x - mean) ** 2, axis=tuple(range(x.ndim - 1))) / (x.size // x.shape[-1] - 1)


def _other_factors(layer: Dropout) -> tuple[float, float]:
    other: Literal["training", "inference"] = "training" if layer.scale_at == "inference" else "inference"
    return Semantics().dropout_factors(msgspec.structs.replace(layer, scale_at=other))


def _kept_channels_first(key: int, number: int, shape: tuple[int, ...], rate: float) -> Any:
    if len(shape) != 4:
        return dropout_mask(key, number, shape, rate)
    batch, height, width, channels = shape
    return dropout_mask(key, number, (batch, channels, height, width), rate).transpose(0, 2, 3, 1)


def _short_product(x: Tensor, y: Tensor) -> Tensor:
    return np.dot(_ten_bits(x), _ten_bits(y))


def _ten_bits(x: Tensor) -> Tensor:
    """A float with the fraction of TensorFloat-32, split off as by Veltkamp (1968); its derivative is that of x."""
    large = x * (2.0 ** (13 if x.dtype == numpy.float32 else 42) + 1.0)
    return large - (large - x)


_SLOPE = "write where(x > 0, x, slope * x) with the slope of the layer"
_LAYOUT = "kernels are (height, width, in, out), transposed ones (height, width, out, in); see ganforge.spec.parameters"

LAYER_TRAPS = (
    Trap(
        name="padding-shifted",
        number=1,
        what="a convolution adds its odd row or column on the low side",
        remedy="add the node's (low, high) zeros yourself and convolve without padding",
        semantics=_sides_exchanged(Conv),
    ),
    Trap(
        name="crop-shifted",
        number=2,
        what="a transposed convolution crops its odd row or column on the low side",
        remedy="compute the full result and crop the node's (low, high)",
        semantics=_sides_exchanged(ConvTranspose),
    ),
    Trap(
        name="kernel-flipped",
        number=3,
        what="convolutions flip their kernel",
        remedy="cross-correlate: no kernel is flipped",
        semantics=_kernel(Conv, lambda kernel: kernel[::-1, ::-1]),
    ),
    Trap(
        name="kernel-height-width-exchanged",
        number=3,
        what="kernels of convolutions have height and width exchanged",
        remedy=_LAYOUT,
        semantics=_kernel(Conv, lambda kernel: np.swapaxes(kernel, 0, 1)),
    ),
    Trap(
        name="kernel-in-out-exchanged",
        number=3,
        what="square kernels of convolutions have in and out exchanged",
        remedy=_LAYOUT,
        semantics=_kernel(Conv, lambda kernel: np.swapaxes(kernel, 2, 3)),
    ),
    Trap(
        name="transposed-kernel-flipped",
        number=3,
        what="transposed convolutions flip their kernel",
        remedy="input pixel i adds kernel * x[i] from i * stride on, unflipped",
        semantics=_kernel(ConvTranspose, lambda kernel: kernel[::-1, ::-1]),
    ),
    Trap(
        name="transposed-kernel-in-out-exchanged",
        number=3,
        what="square kernels of transposed convolutions have in and out exchanged",
        remedy=_LAYOUT,
        semantics=_kernel(ConvTranspose, lambda kernel: np.swapaxes(kernel, 2, 3)),
    ),
    Trap(
        name="dense-kernel-transposed",
        number=3,
        what="square kernels of dense layers are transposed",
        remedy="dense kernels are (in, out)",
        semantics=_kernel(Dense, lambda kernel: kernel.T),
    ),
    Trap(
        name="channels-first-vector",
        number=4,
        what="flatten and reshape go channel by channel",
        remedy="bring the image into (height, width, channels) order before it becomes a vector, and after",
        semantics=Semantics(channels_first=True),
    ),
    Trap(
        name="momentum-swapped",
        number=5,
        what="running values keep 1 - decay instead of decay",
        remedy="decay is the fraction kept; a framework's momentum may be 1 - decay",
        semantics=_setting(BatchNorm, "decay", lambda decay: 1.0 - decay),
    ),
    Trap(
        name="running-variance-biased",
        number=6,
        what="the running variance is fed the biased variance",
        remedy="multiply the batch's variance by n / (n - 1) before it enters the running value",
        semantics=Semantics(bessel=lambda count: 1.0),
    ),
    Trap(
        name="variance-unbiased",
        number=6,
        what="batches are normalised by the unbiased variance",
        remedy="normalise by the biased variance; only the running value takes n / (n - 1)",
        semantics=Semantics(variance=_variance_unbiased, bessel=lambda count: 1.0),
    ),
    Trap(
        name="epsilon-1e-5",
        number=7,
        what="batch norm has epsilon 1e-5, PyTorch's default",
        remedy="take the layer's epsilon",
        semantics=_setting(BatchNorm, "epsilon", lambda _: 1e-5),
    ),
    Trap(
        name="epsilon-1e-3",
        number=7,
        what="batch norm has epsilon 1e-3, Keras's default",
        remedy="take the layer's epsilon",
        semantics=_setting(BatchNorm, "epsilon", lambda _: 1e-3),
    ),
    Trap(
        name="variance-by-squares",
        number=8,
        what="the variance is E[x^2] - E[x]^2, which cancels where the mean is far from zero",
        remedy="subtract the mean first, then square",
        semantics=Semantics(variance=_variance_by_squares),
    ),
    Trap(
        name="slope-0.3",
        number=13,
        what="leaky ReLU has slope 0.3, the default of Keras's layer",
        remedy=_SLOPE,
        semantics=_setting(LeakyRelu, "slope", lambda _: 0.3),
    ),
    Trap(
        name="slope-0.2",
        number=13,
        what="leaky ReLU has slope 0.2, the default of tf.nn",
        remedy=_SLOPE,
        semantics=_setting(LeakyRelu, "slope", lambda _: 0.2),
    ),
    Trap(
        name="slope-0.01",
        number=13,
        what="leaky ReLU has slope 0.01, the default of PyTorch and JAX",
        remedy=_SLOPE,
        semantics=_setting(LeakyRelu, "slope", lambda _: 0.01),
    ),
    Trap(
        name="slope-float32",
        number=14,
        what="leaky ReLU's slope is rounded to float32 in float64",
        remedy=_SLOPE,
        semantics=_setting(LeakyRelu, "slope", lambda slope: float(numpy.float32(slope))),
    ),
    Trap(
        name="alpha-1",
        number=15,
        what="ELU has alpha 1",
        remedy="multiply expm1(x) by the layer's alpha",
        semantics=_setting(Elu, "alpha", lambda _: 1.0),
    ),
    Trap(
        name="dropout-unscaled",
        number=18,
        what="dropout scales nothing, in training or otherwise",
        remedy="divide what is kept by 1 - rate in training, or, as scale_at says, multiply by it otherwise",
        semantics=Semantics(dropout_factors=lambda layer: (1.0, 1.0)),
    ),
    Trap(
        name="dropout-scale-exchanged",
        number=18,
        what="dropout scales in training where it should otherwise, as Paddle's default does, or the reverse",
        remedy="follow scale_at",
        semantics=Semantics(dropout_factors=_other_factors),
    ),
    Trap(
        name="dropout-channels-first",
        number=19,
        what="dropout counts elements in batch, channels, height, width order",
        remedy="number the elements as they lie in (batch, height, width, channels)",
        semantics=Semantics(dropout_mask=_kept_channels_first),
    ),
    Trap(
        name="dropout-one-key",
        number=19,
        what="all passes of an update share the update's dropout key",
        remedy="pass p hashes with hash32((key + p) mod 2^32)",
        semantics=Semantics(pass_key=lambda key, number: key),
    ),
    Trap(
        name="label-first",
        number=20,
        what="labels are joined before the channels",
        remedy="append the one-hot label at the end of the last axis",
        semantics=Semantics(join=lambda x, labels: np.concatenate([labels, x], axis=-1)),
    ),
    Trap(
        name="products-short",
        number=30,
        what="products are taken in TensorFloat-32: ten bits of fraction",
        remedy="switch reduced precision off for float32 sessions (torch.backends, tf.config)",
        semantics=Semantics(product=_short_product),
    ),
)
