"""A network as a Keras model of Keras's own layers: to take away, train on and save.

It knows nothing of ganforge, unless it has a layer that Keras has none for, a plugin's or one of ours.
"""

from collections.abc import Iterator, Mapping
from math import prod

import keras
import numpy as np
import tensorflow as tf

from ganforge.errors import PluginError, StateError
from ganforge.spec import (
    Array,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Elu,
    Flatten,
    Gan,
    JoinLabel,
    LeakyRelu,
    NetworkName,
    Node,
    Relu,
    Reshape,
    Residual,
    Sigmoid,
    State,
    Tanh,
    branches,
    walk,
)
from ganforge_tensorflow import native_layers
from ganforge_tensorflow.plugin_layer import PluginLayer

_ARRAYS = ("kernel", "bias", "scale", "offset", "mean", "variance", "slope")
"""In the order in which a Keras layer lists those that it has; their layouts are the neutral ones."""


def build(gan: Gan, network: NetworkName, arrays: Mapping[str, tf.Variable]) -> keras.Model:
    """A functional model with copies of `arrays`, by their names in the network.

    It takes latents (B, size) or images (B, height, width, channels), as a list with the labels (B,) where a layer
    joins them. Running variances go on as Keras moves them: from a batch's biased variance.

    Raises:
        PluginError: Keras runs on another framework in this process.
    """
    if keras.backend.backend() != "tensorflow":
        raise PluginError(
            f"Keras runs on {keras.backend.backend()!r} here, so its models are not TensorFlow's; set "
            "KERAS_BACKEND=tensorflow, or remove it, before Python starts"
        )
    weights = {name: array.numpy() for name, array in arrays.items()}
    nodes, dtype = gan.nodes(network), next(iter(arrays.values())).dtype.name
    name = "latents" if network == "generator" else "images"
    x = keras.Input(nodes[0].input, dtype=dtype, name=name)
    labels = keras.Input((), dtype="int64", name="labels")
    output = _chain(nodes, x, labels, weights, dtype)
    joins = any(node.layer.reads_labels for node in walk(nodes))
    return keras.Model([x, labels] if joins else x, output, name=network)


def arrays(gan: Gan, network: NetworkName, model: keras.Model) -> State:
    """The arrays of a model that `build` made, by their names in the network. Arrays that it lacks are left out."""
    if not isinstance(model, keras.Model):
        raise StateError(f"TensorFlow's weights are read from a keras.Model, not from {type(model).__name__}")
    layers = {layer.name: layer for layer in model.layers}
    found: State = {}
    for node in _with_arrays(gan.nodes(network)):
        layer = layers.get(node.name.replace("/", "_"))
        if isinstance(layer, PluginLayer):
            found |= {name: variable.numpy() for name, variable in layer.arrays.items()}
        elif layer is not None:
            shapes = {each.name: each.shape for each in node.layer.parameters(node)}
            names = [name for kind in _ARRAYS if (name := f"{node.name}/{kind}") in shapes]
            given = zip(names, layer.get_weights(), strict=False)
            found |= {
                name: each.reshape(shapes[name]) if each.size == prod(shapes[name]) else each for name, each in given
            }
    return found


def _with_arrays(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """The nodes that a model has a layer of, those within residual blocks too."""
    for node in nodes:
        if isinstance(node.layer, Residual):
            yield from _with_arrays(node.body)
        else:
            yield node


def _chain(
    nodes: tuple[Node, ...], x: keras.KerasTensor, labels: keras.KerasTensor, weights: Mapping[str, Array], dtype: str
) -> keras.KerasTensor:
    for node in nodes:
        name = node.name.replace("/", "_")
        match node.layer:
            case Residual(scale=scale):
                made, kept = (_chain(chain, x, labels, weights, dtype) for chain in branches(node))
                if scale != 1.0:
                    made = made * scale  # Rescaling would round it to float32
                x = keras.layers.Add(dtype=dtype, name=name)([kept, made])
            case JoinLabel():
                x = keras.layers.Concatenate(dtype=dtype, name=name)([x, _spread(node, labels, dtype)])
            case _ if (layers := _layers(node, name, dtype)) is None:
                own = PluginLayer.of(node, weights, dtype=dtype, name=name)
                x = own(x, labels) if any(each.layer.reads_labels for each in walk((node,))) else own(x)
            case _:
                arrays = [weights[each] for array in _ARRAYS if (each := f"{node.name}/{array}") in weights]
                for layer in layers:
                    x = layer(x)
                    if arrays and layer.weights:
                        shapes = (each.shape for each in layer.weights)
                        layer.set_weights([each.reshape(shape) for each, shape in zip(arrays, shapes, strict=True)])
    return x


def _spread(node: Node, labels: keras.KerasTensor, dtype: str) -> keras.KerasTensor:
    """One-hot labels of the node's rank; over an image, the same at every pixel."""
    hot = keras.layers.CategoryEncoding(node.classes, output_mode="one_hot", dtype=dtype)(labels)
    if len(node.input) == 1:
        return hot
    pixel = keras.layers.Reshape((1, 1, node.classes), dtype=dtype)(hot)
    return keras.layers.UpSampling2D(node.input[:2], dtype=dtype)(pixel)


def _layers(node: Node, name: str, dtype: str) -> list[keras.Layer] | None:
    """Keras's layers for one of ours; where their padding is not ours, it stands as a layer of its own.

    None: Keras has no such layer.
    """
    layers = keras.layers
    match node.layer:
        case Dense(spectral_norm=True) | Conv(spectral_norm=True) | ConvTranspose(spectral_norm=True):
            return None  # Keras's own keeps the kernel divided
        case Dense(units=units, bias=bias):
            return [layers.Dense(units, use_bias=bias, dtype=dtype, name=name)]
        case Conv(filters=filters, kernel=kernel, stride=stride, padding=padding, groups=groups, bias=bias):
            same = padding == "same"
            conv = layers.Conv2D(
                filters,
                kernel,
                stride,
                "same" if same else "valid",
                groups=groups,
                use_bias=bias,
                dtype=dtype,
                name=name,
            )
            return [conv] if same else [layers.ZeroPadding2D(node.padding, dtype=dtype), conv]
        case ConvTranspose(groups=groups) if groups > 1:
            return None
        case ConvTranspose(filters=filters, kernel=kernel, stride=stride, padding=padding, size=size, bias=bias):
            same = padding == "same" and size is None
            conv = layers.Conv2DTranspose(
                filters, kernel, stride, "same" if same else "valid", use_bias=bias, dtype=dtype, name=name
            )
            return [conv] if same else [conv, layers.Cropping2D(node.padding, dtype=dtype)]
        case BatchNorm(decay=decay, epsilon=epsilon, scale=scale, offset=offset):
            return [
                layers.BatchNormalization(
                    momentum=decay, epsilon=epsilon, scale=scale, center=offset, dtype=dtype, name=name
                )
            ]
        case Relu():
            return [layers.ReLU(dtype=dtype, name=name)]
        case LeakyRelu(slope=slope) if dtype == "float32":
            return [layers.LeakyReLU(slope, dtype=dtype, name=name)]
        case LeakyRelu(slope=slope):
            # LeakyReLU rounds its slope to float32; an array of slopes, one for all and not trained, does not.
            axes = list(range(1, len(node.input) + 1))
            prelu = layers.PReLU(shared_axes=axes, trainable=False, dtype=dtype, name=name)
            prelu.build((None, *node.input))
            prelu.set_weights([np.full(prelu.alpha.shape, slope)])
            return [prelu]
        case Elu(alpha=alpha):
            return [layers.ELU(alpha, dtype=dtype, name=name)]
        case Tanh():
            return [layers.Activation("tanh", dtype=dtype, name=name)]
        case Sigmoid():
            return [layers.Activation("sigmoid", dtype=dtype, name=name)]
        case Dropout(rate=rate, scale_at="inference"):
            # Keras's has divided by 1 - rate in training: times 1 - rate it is right in both modes. An array, since
            # Keras rounds a plain number to float32.
            factor = np.asarray(1.0 - rate, dtype)
            return [layers.Dropout(rate, dtype=dtype, name=name), layers.Rescaling(factor, dtype=dtype)]
        case Dropout(rate=rate):
            return [layers.Dropout(rate, dtype=dtype, name=name)]
        case Reshape(shape=shape):
            return [layers.Reshape(shape, dtype=dtype, name=name)]
        case Flatten():
            return [layers.Flatten(dtype=dtype, name=name)]
    layer = native_layers.layer_of(node, name, dtype)
    return None if layer is None else [layer]
