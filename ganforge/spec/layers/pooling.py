"""Pooling: windows, or whole images, become one number a channel."""

from typing import Literal

from ganforge.errors import SpecError
from ganforge.spec.layers.contract import UNPADDED, LayerSettings, Node, Pass, Place, Resolved, need_rank, no_parameters
from ganforge.spec.layers.convolution import Extent, Padding, image_size, pair, window_positions
from ganforge.spec.ops import Tensor


class AvgPool(LayerSettings, frozen=True, kw_only=True, tag="avg_pool"):
    """(h, w, c) -> (h', w', c): the mean of every window, over the pixels in it that are not padding.

    `stride` is the window's own size unless given, so that windows lie side by side.
    """

    size: Extent = 2
    stride: Extent | None = None
    padding: Padding = "valid"

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """(h', w', c), and how many places to add."""
        return _windows(self, place)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """Means of windows, divided by how much of each lies within the image."""
        ops, size, stride = run.ops, pair(self.size), pair(self.stride or self.size)
        mean = ops.mean_pool(x, size, stride, node.padding)
        if node.padding == UNPADDED:
            return mean
        return mean / ops.mean_pool(ops.ones((1, *x.shape[1:3], 1), x), size, stride, node.padding)


class MaxPool(LayerSettings, frozen=True, kw_only=True, tag="max_pool"):
    """(h, w, c) -> (h', w', c): the largest number of every window; padding is never the largest.

    Of equal ones the first in row-major order has the derivative. `stride` is the window's own size unless given.
    """

    size: Extent = 2
    stride: Extent | None = None
    padding: Padding = "valid"

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """(h', w', c), and how many places to add."""
        return _windows(self, place)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """The largest number of every window."""
        return run.ops.max_pool(x, pair(self.size), pair(self.stride or self.size), node.padding)


class GlobalPool(LayerSettings, frozen=True, kw_only=True, tag="global_pool"):
    """(h, w, c) -> (c,): the sum, or the mean, over all pixels.

    The sum is what projection discriminators take (Miyato and Koyama 2018, section 4).
    """

    of: Literal["sum", "mean"]

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """(c,)."""
        need_rank(place, 3, "it already has one number a channel")
        return Resolved(place.input[-1:])

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """The sum or the mean over height and width."""
        ops, whole = run.ops, image_size(node.input)
        mean = ops.reshape(ops.mean_pool(x, whole, whole, UNPADDED), (x.shape[0], node.input[2]))
        return mean if self.of == "mean" else mean * float(whole[0] * whole[1])


def _windows(layer: AvgPool | MaxPool, place: Place) -> Resolved:
    need_rank(place, 3, "put a reshape layer before it")
    size, stride = pair(layer.size), pair(layer.stride or layer.size)
    (height, width), sides = window_positions(place, size, stride, layer.padding)
    if any(side >= extent for extent, both in zip(size, sides, strict=True) for side in both):
        raise SpecError(
            f"layer {place.name}: padding {sides} leaves windows of size {size} without a pixel; take less of it"
        )
    return Resolved((height, width, place.input[2]), sides)
