"""Self-attention over the pixels of an image."""

from math import prod

from ganforge.errors import SpecError
from ganforge.spec.layers.chain import resolve_node
from ganforge.spec.layers.contract import Count, Layer, LayerSettings, Node, Parameter, Pass, Place, Resolved, need_rank
from ganforge.spec.layers.convolution import Conv
from ganforge.spec.layers.initializers import ZEROS, GlorotUniform, Init
from ganforge.spec.layers.pooling import MaxPool
from ganforge.spec.ops import Tensor


class Attention(LayerSettings, frozen=True, kw_only=True, tag="attention"):
    """x + gain * attended: every pixel takes from all others what their keys say (Zhang et al. 2019, section 3).

    Queries and keys have `channels / ratio` channels, values `channels / value_ratio`, each by a 1x1 convolution
    without bias, as the one that makes the output of the values. The gain, one number, is learned from 0. With `pool`
    above 1 keys and values are max-pooled, as in the authors' program.
    """

    ratio: Count = 8
    value_ratio: Count = 2
    pool: Count = 1
    spectral_norm: bool = False
    kernel_init: Init = GlorotUniform()
    gain_init: Init = ZEROS

    def resolve(self, place: Place) -> Resolved:
        """The input's shape, and the inner nodes."""
        need_rank(place, 3, "put a reshape layer before it")
        height, width, channels = place.input
        for name, ratio in (("ratio", self.ratio), ("value_ratio", self.value_ratio)):
            if channels % ratio:
                raise SpecError(f"layer {place.name}: {channels} channels cannot be divided by {name} = {ratio}")
        keys, values, given = channels // self.ratio, channels // self.value_ratio, place.input
        inner: list[tuple[str, Layer, tuple[int, ...]]] = [
            ("query", self._conv(keys), given),
            ("key", self._conv(keys), given),
            ("value", self._conv(values), given),
            ("output", self._conv(channels), (height, width, values)),
        ]
        if self.pool > 1:
            inner += [
                ("key_pool", MaxPool(size=self.pool), (height, width, keys)),
                ("value_pool", MaxPool(size=self.pool), (height, width, values)),
            ]
        body = tuple(
            resolve_node(layer, Place(f"{place.name}/{name}", place.number + 1 + number, shape, place.classes))
            for number, (name, layer, shape) in enumerate(inner)
        )
        return Resolved(place.input, body=body)

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        """`gain` (1,); the kernels are those of the inner nodes."""
        return (Parameter(name=f"{node.name}/gain", shape=(1,), init=self.gain_init),)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """x + gain * output(softmax(queries . keys) . values)."""
        ops, (query, key, value, output, *pools) = run.ops, node.body
        queries, keys, values = (run.chain((each,), x, run) for each in (query, key, value))
        if pools:
            keys, values = (run.chain((pool,), each, run) for pool, each in zip(pools, (keys, values), strict=True))
        rows = [ops.reshape(each, (x.shape[0], -1, each.shape[3])) for each in (queries, keys, values)]
        shares = ops.softmax(ops.matmul_each(rows[0], ops.transpose(rows[1], (0, 2, 1))))
        attended = ops.reshape(ops.matmul_each(shares, rows[2]), (*x.shape[:3], rows[2].shape[2]))
        return x + ops.like(run.array(node, "gain"), x) * run.chain((output,), attended, run)

    def products(self, node: Node) -> int:
        """Two for each pair of pixels and channel of keys and of values."""
        pixels, channels = prod(node.input[:2]), node.input[2]
        met = pixels // self.pool**2
        return pixels * met * (channels // self.ratio + channels // self.value_ratio)

    def _conv(self, filters: int) -> Conv:
        return Conv(
            filters=filters, kernel=1, bias=False, kernel_init=self.kernel_init, spectral_norm=self.spectral_norm
        )
