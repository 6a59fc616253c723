"""Convolutions and transposed convolutions; 'same' is resolved here, once, to plain integers."""

from math import prod
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta

from ganforge.errors import SpecError
from ganforge.spec.layers.contract import (
    Count,
    LayerSettings,
    Node,
    Parameter,
    Pass,
    Place,
    Resolved,
    Shape,
    need_rank,
)
from ganforge.spec.layers.groups import check_groups
from ganforge.spec.layers.initializers import ZEROS, GlorotUniform, Init
from ganforge.spec.layers.kernels import check_spectral, kernel_parameters
from ganforge.spec.ops import Sides, Size, Tensor

Side: TypeAlias = Annotated[int, Meta(ge=0)]
# msgspec 0.22 reads past a union of a bounded integer and a tuple of fixed length, so the lone integers are plain here
# and checked when the layer is resolved.
Extent: TypeAlias = int | tuple[Count, Count]
"""One number for both axes, or (height, width)."""
Padding: TypeAlias = Literal["same", "valid"] | int | tuple[tuple[Side, Side], tuple[Side, Side]]
"""How a convolution meets the border.

'same': TensorFlow's rule, ceil(size / stride) outputs, the odd row or column on the high side. 'valid': none. A
number: that many on every side. Two pairs: (top, bottom), (left, right). A transposed convolution crops the same
amounts from its full result.
"""


class Conv(LayerSettings, frozen=True, kw_only=True, tag="conv"):
    """(h, w, c) -> (h', w', filters): cross-correlation, as every framework's `conv2d`.

    Each of `groups` takes its share of the channels to its share of the filters; as many as channels: depthwise.
    """

    filters: Count
    kernel: Extent
    stride: Extent = 1
    padding: Padding = "same"
    groups: Count = 1
    bias: bool = True
    spectral_norm: bool = False
    kernel_init: Init = GlorotUniform()
    bias_init: Init = ZEROS

    def resolve(self, place: Place) -> Resolved:
        """(h', w', filters), and the zeros to add."""
        _check(place, self)
        (height, width), sides = window_positions(place, pair(self.kernel), pair(self.stride), self.padding)
        return Resolved((height, width, self.filters), sides)

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`kernel` (height, width, in / groups, filters) and `bias` (filters,); with spectral norm `u` and `sigma`."""
        return _parameters(node, self, (node.input[2] // self.groups, self.filters))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """The convolution plus its bias."""
        return run.ops.conv(x, *run.weights(node, x), pair(self.stride), node.padding, self.groups)

    def last_bias(self, node: Node) -> str | None:
        """The bias."""
        return f"{node.name}/bias" if self.bias else None

    def products(self, node: Node) -> int:
        """One for each output, place of the kernel and input channel."""
        return prod(node.output) * prod(pair(self.kernel)) * node.input[2] // self.groups


class ConvTranspose(LayerSettings, frozen=True, kw_only=True, tag="conv_transpose"):
    """(h, w, c) -> (h', w', filters): the gradient of `Conv`; the full result, then cropped by the padding.

    `size` fixes the output (height, width) where several sizes fit, as for images of odd size; the high side of the
    padding then follows from it. With 'same' it defaults to stride times the input. The kernel must be at least as
    large as the stride, or there would be gaps.
    """

    filters: Count
    kernel: Extent
    stride: Extent = 1
    padding: Padding = "same"
    size: Extent | None = None
    groups: Count = 1
    bias: bool = True
    spectral_norm: bool = False
    kernel_init: Init = GlorotUniform()
    bias_init: Init = ZEROS

    kernel_axis: ClassVar[int] = -2

    def resolve(self, place: Place) -> Resolved:
        """(h', w', filters), and what is cropped."""
        _check(place, self)
        _check_positive(place, pair(self.kernel), pair(self.stride), self.padding)
        sizes = (None, None) if self.size is None else pair(self.size)
        axes = zip(place.input, pair(self.kernel), pair(self.stride), _by_axis(self.padding), sizes, strict=False)
        (height, rows), (width, columns) = (_transposed_axis(place.name, *axis) for axis in axes)
        return Resolved((height, width, self.filters), (rows, columns))

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`kernel` (height, width, filters / groups, in) and `bias` (filters,); with spectral norm `u` and `sigma`."""
        return _parameters(node, self, (self.filters // self.groups, node.input[2]))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """The transposed convolution plus its bias."""
        kernel, bias = run.weights(node, x)
        size = image_size(node.output)
        return run.ops.conv_transpose(x, kernel, bias, pair(self.stride), node.padding, size, self.groups)

    def last_bias(self, node: Node) -> str | None:
        """The bias."""
        return f"{node.name}/bias" if self.bias else None

    def products(self, node: Node) -> int:
        """One for each input, place of the kernel and filter."""
        return prod(node.input) * prod(pair(self.kernel)) * self.filters // self.groups


def pair(extent: Extent) -> Size:
    """(height, width) of an extent given as one number or two."""
    return extent if isinstance(extent, tuple) else (extent, extent)


def image_size(shape: Shape) -> Size:
    """(height, width) of (height, width, channels)."""
    height, width, _ = shape
    return height, width


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's rule: the zeros that make ceil(size / stride) outputs, the odd one on the high side."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def window_positions(place: Place, size: Size, stride: Size, padding: Padding) -> tuple[Size, Sides]:
    """How often a window fits into an image's rows and columns, and the places to add around it.

    Raises:
        SpecError: it does not fit once, or a number that must not be is below 1 or negative.
    """
    _check_positive(place, size, stride, padding)
    axes = zip(place.input, size, stride, _by_axis(padding), strict=False)
    (height, rows), (width, columns) = (_conv_axis(place.name, *axis) for axis in axes)
    return (height, width), (rows, columns)


def _parameters(node: Node, layer: Conv | ConvTranspose, channels: tuple[int, int]) -> tuple[Parameter, ...]:
    size = pair(layer.kernel)
    return kernel_parameters(
        node,
        layer,
        (*size, *channels),
        axis=layer.kernel_axis,
        outputs=layer.filters,
        fan_in=prod(size) * node.input[2] // layer.groups,
        fan_out=prod(size) * layer.filters // layer.groups,
    )


def _check(place: Place, layer: Conv | ConvTranspose) -> None:
    need_rank(place, 3, "put a reshape layer before it")
    check_groups(place, layer.groups, place.input[2], "input channels")
    check_groups(place, layer.groups, layer.filters, "filters")
    check_spectral(place, layer)


def _check_positive(place: Place, size: Size, stride: Size, padding: Padding) -> None:
    if min(*size, *stride) < 1:
        raise SpecError(f"layer {place.name}: kernel {size} and stride {stride} must be at least 1")
    if isinstance(padding, int) and padding < 0:
        raise SpecError(f"layer {place.name}: padding {padding} must not be negative")


def _by_axis(padding: Padding) -> tuple[str | tuple[int, int], str | tuple[int, int]]:
    """The padding of each axis: 'same', 'valid', or (low, high)."""
    match padding:
        case str():
            return padding, padding
        case int():
            return (padding, padding), (padding, padding)
        case _:
            return padding


def _conv_axis(
    name: str, size: int, kernel: int, stride: int, padding: str | tuple[int, int]
) -> tuple[int, tuple[int, int]]:
    match padding:
        case "same":
            low, high = same_padding(size, kernel, stride)
        case (int(low), int(high)):
            pass
        case _:
            low, high = 0, 0
    room = size + low + high - kernel
    if room < 0:
        raise SpecError(f"layer {name}: a kernel of {kernel} does not fit into {size} + {low + high} of padding")
    return room // stride + 1, (low, high)


def _transposed_axis(
    name: str, size: int, kernel: int, stride: int, padding: str | tuple[int, int], wanted: int | None
) -> tuple[int, tuple[int, int]]:
    if kernel < stride:
        raise SpecError(f"layer {name}: a kernel of {kernel} with stride {stride} leaves gaps; take a larger kernel")
    full = (size - 1) * stride + kernel
    match padding:
        case "same":
            output = size * stride if wanted is None else wanted
            if -(-output // stride) != size:
                raise SpecError(
                    f"layer {name}: size {output} cannot come from {size} with stride {stride} and padding 'same' "
                    f"(it would need {-(-output // stride)})"
                )
            low = same_padding(output, kernel, stride)[0]
        case (int(low), int(high)):
            output = full - low - high if wanted is None else wanted
        case _:
            low, output = 0, full if wanted is None else wanted
    high = full - low - output
    if high < 0 or output < 1:
        raise SpecError(
            f"layer {name}: size {output} cannot be cropped from a full result of {full} starting at {low}; "
            f"with this kernel, stride and padding it can be at most {full - low}"
        )
    return output, (low, high)
