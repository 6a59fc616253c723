"""Kinds of layers for which torch has one module that computes the same."""

from torch import nn

from ganforge.spec import (
    AvgPool,
    Gelu,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    MaxPool,
    Node,
    Prelu,
    Silu,
    Upsample,
    groups_of,
    pair,
)


def module_of(node: Node) -> nn.Module | None:
    """A module over (B, channels, height, width) without arrays yet; None where torch has no such module."""
    (top, bottom), (left, right) = node.padding
    evenly = (top, left) == (bottom, right)
    match node.layer:
        case AvgPool(size=size, stride=stride) if evenly and _fits((top, left), pair(size)):
            return nn.AvgPool2d(pair(size), pair(stride or size), (top, left), count_include_pad=False)
        case MaxPool(size=size, stride=stride) if evenly and _fits((top, left), pair(size)):
            return nn.MaxPool2d(pair(size), pair(stride or size), (top, left))
        case Upsample(method="bilinear"):
            return nn.Upsample(node.output[:2], mode="bilinear", align_corners=False)
        case Upsample() if not (node.output[0] % node.input[0] or node.output[1] % node.input[1]):
            return nn.Upsample(node.output[:2], mode="nearest")
        case (
            LayerNorm(scale=True, offset=True)
            | InstanceNorm(scale=True, offset=True)
            | GroupNorm(scale=True, offset=True)
        ):
            # With one of the two alone, torch's gradients fail.
            return nn.GroupNorm(groups_of(node), node.input[-1], node.layer.epsilon, device="meta")
        case Gelu():
            return nn.GELU()
        case Silu():
            return nn.SiLU()
        case Prelu():
            return nn.PReLU(node.input[-1], device="meta")
    return None


def _fits(padding: tuple[int, int], size: tuple[int, int]) -> bool:
    """torch pads a pool by half a window at most."""
    return all(2 * each <= extent for each, extent in zip(padding, size, strict=True))
