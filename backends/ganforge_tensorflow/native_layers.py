"""Kinds of layers for which Keras has one layer that computes the same."""

import keras

from ganforge.spec import (
    AvgPool,
    Gelu,
    GlobalPool,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    MaxPool,
    Node,
    Prelu,
    Silu,
    Upsample,
)


def layer_of(node: Node, name: str, dtype: str) -> keras.Layer | None:
    """A Keras layer; None where Keras has no such layer."""
    layers = keras.layers
    match node.layer:
        case AvgPool(size=size, stride=stride, padding=("same" | "valid") as padding):
            return layers.AveragePooling2D(size, stride or size, padding, dtype=dtype, name=name)
        case MaxPool(size=size, stride=stride, padding=("same" | "valid") as padding):
            return layers.MaxPooling2D(size, stride or size, padding, dtype=dtype, name=name)
        case GlobalPool(of="mean"):
            return layers.GlobalAveragePooling2D(dtype=dtype, name=name)
        case Upsample(method="nearest") if not (node.output[0] % node.input[0] or node.output[1] % node.input[1]):
            times = node.output[0] // node.input[0], node.output[1] // node.input[1]
            return layers.UpSampling2D(times, dtype=dtype, name=name)
        case GroupNorm(groups=groups, epsilon=epsilon, scale=scale, offset=offset) if len(node.input) == 3:
            return layers.GroupNormalization(groups, -1, epsilon, offset, scale, dtype=dtype, name=name)
        case LayerNorm(epsilon=epsilon, scale=scale, offset=offset) if len(node.input) == 3:
            return layers.GroupNormalization(1, -1, epsilon, offset, scale, dtype=dtype, name=name)
        case InstanceNorm(epsilon=epsilon, scale=scale, offset=offset):
            return layers.GroupNormalization(node.input[2], -1, epsilon, offset, scale, dtype=dtype, name=name)
        case LayerNorm(epsilon=epsilon, scale=scale, offset=offset):
            return layers.LayerNormalization(-1, epsilon, offset, scale, dtype=dtype, name=name)
        case Gelu() if dtype == "float32":  # Keras's rounds a root to float32
            return layers.Activation("gelu", dtype=dtype, name=name)
        case Silu():
            return layers.Activation("silu", dtype=dtype, name=name)
        case Prelu():
            axes = list(range(1, len(node.input)))
            return layers.PReLU(shared_axes=axes, dtype=dtype, name=name)
    return None
