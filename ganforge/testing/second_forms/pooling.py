"""Pooling."""

from typing import Any

import numpy

from ganforge.spec.layers import AvgPool, GlobalPool, MaxPool
from ganforge.spec.layers.contract import Node, Pass
from ganforge.spec.layers.convolution import pair
from ganforge.testing.differentiable import Tensor, getval, np
from ganforge.testing.second_forms.form import Forms
from ganforge.testing.windows import around, first_largest, met


def _avg_pool(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    size, stride = pair(layer.size), pair(layer.stride or layer.size)
    there = around(numpy.ones((1, *x.shape[1:3], 1), getval(x).dtype), node.padding, 0.0)
    return sum(met(around(x, node.padding, 0.0), size, stride)) / sum(met(there, size, stride))


def _max_pool(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    return first_largest(met(around(x, node.padding, -numpy.inf), pair(layer.size), pair(layer.stride or layer.size)))


def _global_pool(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    pixels = np.reshape(x, (len(x), -1, x.shape[-1]))
    return np.sum(pixels, axis=1) / (pixels.shape[1] if layer.of == "mean" else 1)


POOLING: Forms = {AvgPool: _avg_pool, MaxPool: _max_pool, GlobalPool: _global_pool}
