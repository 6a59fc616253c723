"""Images of another size, without weights of their own."""

from math import prod
from typing import Literal

import numpy as np

from ganforge.errors import SpecError
from ganforge.spec.arrays import Array
from ganforge.spec.layers.contract import LayerSettings, Node, Pass, Place, Resolved, need_rank, no_parameters
from ganforge.spec.layers.convolution import Extent, image_size, pair
from ganforge.spec.ops import Tensor


def bilinear_shares(size: int, wanted: int) -> Array:
    """(wanted, size): the share that each pixel of a row has in each one of the row at its new size.

    Centres lie at halves: output i sees place `(i + 1/2) * size / wanted - 1/2`, kept within the row.
    """
    places = np.clip((np.arange(wanted) + 0.5) * (size / wanted) - 0.5, 0.0, size - 1.0)
    shares: Array = np.maximum(1.0 - np.abs(places[:, None] - np.arange(size)), 0.0)
    return shares


class Upsample(LayerSettings, frozen=True, kw_only=True, tag="upsample"):
    """(h, w, c) -> (h', w', c), not smaller: the nearest pixel, or between pixels in proportion (bilinear).

    By `factor`, or to `size`; give one of them. Pixel centres lie at halves: output i sees input
    `(i + 1/2) * size / size' - 1/2`, kept within the image.
    """

    method: Literal["nearest", "bilinear"] = "nearest"
    factor: Extent | None = None
    size: Extent | None = None

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """(h', w', c)."""
        need_rank(place, 3, "put a reshape layer before it")
        given = image_size(place.input)
        match self.factor, self.size:
            case None, int() | tuple() as size:
                wanted = pair(size)
            case int() | tuple() as factor, None:
                wanted = given[0] * pair(factor)[0], given[1] * pair(factor)[1]
            case _:
                raise SpecError(f"layer {place.name} needs a factor or a size, one of them and not both")
        if wanted[0] < given[0] or wanted[1] < given[1]:
            raise SpecError(
                f"layer {place.name}: {wanted[0]}x{wanted[1]} is smaller than its input, {given[0]}x{given[1]}; "
                "to go down take avg_pool or resample"
            )
        return Resolved((*wanted, place.input[2]))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """The image at its new size."""
        ops, size, given = run.ops, image_size(node.output), image_size(node.input)
        if self.method == "bilinear":
            return ops.bilinear(x, size)
        if all(big % small == 0 for big, small in zip(size, given, strict=True)):
            return ops.repeat(x, (size[0] // given[0], size[1] // given[1]))
        for axis, (big, small) in enumerate(zip(size, given, strict=True), start=1):
            x = ops.take(x, [(2 * i + 1) * small // (2 * big) for i in range(big)], axis)
        return x


class Resample(LayerSettings, frozen=True, kw_only=True, tag="resample"):
    """Twice or half the size, or the same, through the filter [1, 2, 1] along both axes (Zhang 2019).

    `half`: every second of the blurred pixels, from the first on, ceil(size / 2) of them. `double`: the transpose of
    `half`, times 4, so that a level stays what it is. Beyond the border lie zeros.
    """

    to: Literal["half", "double", "same"]

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """The size, half of it rounded up, or twice it."""
        need_rank(place, 3, "put a reshape layer before it")
        height, width, channels = place.input
        if self.to == "double":
            return Resolved((2 * height, 2 * width, channels), ((1, 0), (1, 0)))
        if self.to == "same":
            return Resolved(place.input, ((1, 1), (1, 1)))
        return Resolved((-(-height // 2), -(-width // 2), channels), ((1, height % 2), (1, width % 2)))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """A convolution of every channel by itself."""
        ops, channels = run.ops, node.input[2]
        one = ops.ones((1,), x)
        taps = ops.concat([one, 2.0 * one, one], 0) / (2.0 if self.to == "double" else 4.0)
        kernel = ops.reshape(taps, (3, 1, 1, 1)) * ops.reshape(taps, (1, 3, 1, 1))
        if self.to == "double":
            kernel = ops.broadcast(kernel, (3, 3, 1, channels))
            return ops.conv_transpose(x, kernel, None, (2, 2), node.padding, image_size(node.output), channels)
        stride = (2, 2) if self.to == "half" else (1, 1)
        return ops.conv(x, ops.broadcast(kernel, (3, 3, 1, channels)), None, stride, node.padding, channels)

    def products(self, node: Node) -> int:
        """Nine for each pixel of the larger or equal side."""
        return 9 * (prod(node.input) if self.to == "double" else prod(node.output))
