"""Kinds of layers for which Keras has one layer that computes the same."""

import keras

from ganforge.spec import (
    AvgPool,
    GlobalPool,
    MaxPool,
    Node,
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
    return None
