"""Images of another size."""

from itertools import product
from typing import Any

from ganforge.spec.layers import Resample, Upsample
from ganforge.spec.layers.contract import Node, Pass
from ganforge.testing.differentiable import Tensor, np, put, take
from ganforge.testing.second_forms.form import Forms
from ganforge.testing.windows import around, between, met


def _upsample(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    if layer.method == "bilinear":
        return between(between(x, node.output[0], 1), node.output[1], 2)
    rows, columns = (
        [int((i + 0.5) * node.input[axis] / node.output[axis] + 1e-9) for i in range(node.output[axis])]
        for axis in (0, 1)
    )
    return np.stack([np.stack([take(x, (slice(None), i, j)) for j in columns], axis=1) for i in rows], axis=1)


def _resample(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    shares = (0.25, 0.5, 0.25)
    if layer.to == "double":
        # Pixel i adds its shares to places 2i - 1, 2i and 2i + 1; what falls beyond the border is lost.
        whole = (len(x), 2 * node.input[0] + 1, 2 * node.input[1] + 1, node.input[2])
        wide = sum(
            put(
                4.0 * shares[i] * shares[j] * x,
                (slice(None), slice(i, i + 2 * node.input[0] - 1, 2), slice(j, j + 2 * node.input[1] - 1, 2)),
                whole,
            )
            for i, j in product(range(3), range(3))
        )
        return take(wide, (slice(None), slice(1, None), slice(1, None)))
    step = 2 if layer.to == "half" else 1
    wide = around(x, ((1, 1), (1, 1)), 0.0)
    places = met(wide, (3, 3), (step, step))
    return sum(shares[i] * shares[j] * places[3 * i + j] for i, j in product(range(3), range(3)))


RESIZING: Forms = {Upsample: _upsample, Resample: _resample}
