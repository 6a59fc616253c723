"""Normalisation of every example by itself."""

from typing import Any

from ganforge.spec.layers import GroupNorm, InstanceNorm, LayerNorm, PixelNorm
from ganforge.spec.layers.contract import Node, Pass
from ganforge.testing.differentiable import Tensor, np
from ganforge.testing.second_forms.form import Forms


def _layer_norm(node: Node, x: Tensor, run: Pass) -> Tensor:
    return _scaled(node, _normal(node, x, tuple(range(1, x.ndim))), run)


def _instance_norm(node: Node, x: Tensor, run: Pass) -> Tensor:
    return _scaled(node, _normal(node, x, (1, 2)), run)


def _group_norm(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    share = node.input[-1] // layer.groups
    parts = [x[..., start : start + share] for start in range(0, node.input[-1], share)]
    normal = [_normal(node, part, tuple(range(1, x.ndim))) for part in parts]
    return _scaled(node, np.concatenate(normal, axis=-1), run)


def _pixel_norm(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + layer.epsilon)


def _normal(node: Node, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    layer: Any = node.layer
    mean = np.mean(x, axis=axes, keepdims=True)
    variance = np.mean((x - mean) ** 2, axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + layer.epsilon)


def _scaled(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    x = x * run.arrays[f"{node.name}/scale"] if layer.scale else x
    return x + run.arrays[f"{node.name}/offset"] if layer.offset else x


NORMS: Forms = {LayerNorm: _layer_norm, InstanceNorm: _instance_norm, GroupNorm: _group_norm, PixelNorm: _pixel_norm}
