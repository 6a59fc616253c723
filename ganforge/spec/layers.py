"""What a network is: its layers as frozen data, in order. No framework, no arrays.

A layer says everything that decides its numbers; nothing is left to a framework's default. Pictures are
(height, width, channels), vectors (units,), both without the batch axis. `ganforge.spec.shapes.resolve` turns a network
into nodes with every shape and every padding as plain integers; a backend builds from those nodes alone.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

Shape: TypeAlias = tuple[int, ...]
"""Without the batch axis: (units,) or (height, width, channels)."""

Count: TypeAlias = Annotated[int, Meta(ge=1)]
Positive: TypeAlias = Annotated[float, Meta(gt=0)]
Side: TypeAlias = Annotated[int, Meta(ge=0)]
# msgspec 0.22 reads past a union of a bounded integer and a tuple of fixed length, so the lone integers are plain here
# and checked by ganforge.spec.shapes.
Extent: TypeAlias = int | tuple[Count, Count]
"""One number for both axes, or (height, width)."""

Padding: TypeAlias = Literal["same", "valid"] | int | tuple[tuple[Side, Side], tuple[Side, Side]]
"""How a convolution meets the border.

'same': TensorFlow's rule, ceil(size / stride) outputs, the odd row or column on the high side. 'valid': none. A
number: so much on every side. Two pairs: (top, bottom), (left, right). A transposed convolution crops the same
amounts from its full result.
"""


class _Tagged(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Only the settings that msgspec needs to read `kind = "..."` into the right class."""


# Initial values ------------------------------------------------------------------------------------------------------


class Constant(_Tagged, frozen=True, kw_only=True, tag="constant"):
    """Every element is `value`."""

    value: float


class Normal(_Tagged, frozen=True, kw_only=True, tag="normal"):
    """N(mean, std^2); DCGAN's rule is std 0.02 (Radford et al. 2015, section 4)."""

    std: Positive
    mean: float = 0.0


class TruncatedNormal(_Tagged, frozen=True, kw_only=True, tag="truncated_normal"):
    """N(0, std^2), drawn again wherever it lies beyond two std, as TensorFlow has it."""

    std: Positive


class GlorotUniform(_Tagged, frozen=True, kw_only=True, tag="glorot_uniform"):
    """U(-a, a), a = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16)."""


class HeNormal(_Tagged, frozen=True, kw_only=True, tag="he_normal"):
    """N(0, 2 / fan_in) (He et al. 2015, eq. 10)."""


Init: TypeAlias = Constant | Normal | TruncatedNormal | GlorotUniform | HeNormal

ZEROS = Constant(value=0.0)
ONES = Constant(value=1.0)

# Layers --------------------------------------------------------------------------------------------------------------


class Dense(_Tagged, frozen=True, kw_only=True, tag="dense"):
    """(n,) -> (units,): x @ kernel + bias."""

    units: Count
    bias: bool = True
    kernel_init: Init = GlorotUniform()
    bias_init: Init = ZEROS


class Conv(_Tagged, frozen=True, kw_only=True, tag="conv"):
    """(h, w, c) -> (h', w', filters): cross-correlation, as every framework's `conv2d`."""

    filters: Count
    kernel: Extent
    stride: Extent = 1
    padding: Padding = "same"
    bias: bool = True
    kernel_init: Init = GlorotUniform()
    bias_init: Init = ZEROS


class ConvTranspose(_Tagged, frozen=True, kw_only=True, tag="conv_transpose"):
    """(h, w, c) -> (h', w', filters): the gradient of `Conv`; the full result, then cropped by the padding.

    `size` fixes the output (height, width) where several sizes fit, as for odd pictures; the high side of the padding
    then follows from it. With 'same' it defaults to stride times the input. The kernel must be at least as large as the
    stride, or there would be gaps.
    """

    filters: Count
    kernel: Extent
    stride: Extent = 1
    padding: Padding = "same"
    size: Extent | None = None
    bias: bool = True
    kernel_init: Init = GlorotUniform()
    bias_init: Init = ZEROS


class BatchNorm(_Tagged, frozen=True, kw_only=True, tag="batch_norm"):
    """Per channel (Ioffe and Szegedy 2015): biased variance to normalise, n/(n-1) variance in the running value.

    `decay` is the fraction of the running value that a step keeps: PyTorch's `1 - momentum`, Keras's `momentum`.
    """

    decay: Annotated[float, Meta(ge=0, lt=1)]
    epsilon: Positive
    scale: bool = True
    offset: bool = True
    scale_init: Init = ONES
    offset_init: Init = ZEROS


class Relu(_Tagged, frozen=True, kw_only=True, tag="relu"):
    """max(x, 0)."""


class LeakyRelu(_Tagged, frozen=True, kw_only=True, tag="leaky_relu"):
    """x where x > 0, slope * x elsewhere. The slope has no default: every framework has its own."""

    slope: Annotated[float, Meta(ge=0)]


class Elu(_Tagged, frozen=True, kw_only=True, tag="elu"):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2015)."""

    alpha: Positive = 1.0


class Tanh(_Tagged, frozen=True, kw_only=True, tag="tanh"):
    """tanh(x): pictures in [-1, 1]."""


class Sigmoid(_Tagged, frozen=True, kw_only=True, tag="sigmoid"):
    """1 / (1 + exp(-x)): pictures in [0, 1]. A discriminator ends in logits and needs none."""


class Dropout(_Tagged, frozen=True, kw_only=True, tag="dropout"):
    """In training an element is dropped with probability `rate`, the others grow by 1 / (1 - rate)."""

    rate: Annotated[float, Meta(ge=0, lt=1)]


class Reshape(_Tagged, frozen=True, kw_only=True, tag="reshape"):
    """Another shape for the same elements, in row-major (height, width, channels) order."""

    shape: tuple[Count, ...]


class Flatten(_Tagged, frozen=True, kw_only=True, tag="flatten"):
    """(h, w, c) -> (h * w * c,), in height, width, channels order."""


class JoinLabel(_Tagged, frozen=True, kw_only=True, tag="join_label"):
    """The label joined at the end of the last axis: one-hot to a vector, as constant maps to a picture."""


class Residual(_Tagged, frozen=True, kw_only=True, tag="residual"):
    """x + layers(x); the inner layers must keep the shape."""

    layers: tuple["Layer", ...]


Layer: TypeAlias = (
    Dense
    | Conv
    | ConvTranspose
    | BatchNorm
    | Relu
    | LeakyRelu
    | Elu
    | Tanh
    | Sigmoid
    | Dropout
    | Reshape
    | Flatten
    | JoinLabel
    | Residual
)


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chain of layers from one input shape."""

    input: Shape
    """Of one example: (latent size,) for a generator, (height, width, channels) for a discriminator."""
    layers: tuple[Layer, ...]
    classes: int = 0
    """Number of labels for `JoinLabel`; 0: unconditional."""
