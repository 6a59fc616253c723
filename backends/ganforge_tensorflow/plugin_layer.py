"""A layer that Keras has none for, as a plugin's, made one."""

from collections.abc import Mapping
from typing import Any

import keras
import msgspec
import tensorflow as tf

from ganforge.backend import SingleProcess
from ganforge.plugins import default_host, known_kinds
from ganforge.recipes import read_settings
from ganforge.spec import Array, Node, Parameter, Pass, Place, resolve_node, walk
from ganforge_tensorflow.ops import TensorFlowOps


@keras.saving.register_keras_serializable(package="ganforge")
class PluginLayer(keras.Layer):  # type: ignore[misc]  # Keras is not typed
    """Runs the layer's own `forward` with TensorFlow's operations, so ganforge and the plugin have to be installed.

    Images are (B, height, width, channels), labels (B,) integers. Arrays that are not trained move in training. A
    layer may ask for the size of its batch: to train where Keras does not know it, give batches of one size
    (`drop_remainder=True`).
    """

    def __init__(self, node: Node, **options: Any) -> None:
        """`options`: Keras's own, as `dtype` and `name`."""
        super().__init__(**options)
        self.node = node
        self.arrays = {
            each.name: self.add_weight(
                name=each.name.removeprefix(f"{node.name}/").replace("/", "_"),
                shape=each.shape,
                initializer="zeros",
                trainable=each.trained,
            )
            for each in _parameters(node)
        }

    @classmethod
    def of(cls, node: Node, weights: Mapping[str, Array], **options: Any) -> "PluginLayer":
        """The layer with copies of its arrays, from those of its network."""
        layer = cls(node, **options)
        for name, variable in layer.arrays.items():
            variable.assign(weights[name])
        return layer

    def call(self, x: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """The layer's output."""
        if x.shape[0] is not None:
            return self._forward(x, labels, training)
        if training:
            raise ValueError(f"layer {self.name} needs batches of one size to train; batch with drop_remainder=True")
        if labels is None:
            return tf.map_fn(lambda row: self._forward(row[tf.newaxis], None, False)[0], x)
        return tf.map_fn(
            lambda row: self._forward(row[0][tf.newaxis], row[1][tf.newaxis], False)[0],
            (x, labels),
            fn_output_signature=x.dtype,
        )

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], labels_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """(B, *output)."""
        return (x_shape[0], *self.node.output)

    def get_config(self) -> dict[str, Any]:
        """The kind, its settings and its place."""
        node = self.node
        place = {"name": node.name, "number": node.number, "input": list(node.input), "classes": node.classes}
        return {**super().get_config(), "layer": msgspec.to_builtins(node.layer), "place": place}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PluginLayer":
        """The layer of a kind that is installed.

        Raises:
            RecipeError: it is not.
        """
        options = dict(config)
        table, place = options.pop("layer"), options.pop("place")
        layer = read_settings(table, known_kinds(default_host()).layers, "Keras model", place["name"])
        node = resolve_node(layer, Place(**{**place, "input": tuple(place["input"])}))
        return cls(node, **options)

    def _forward(self, x: tf.Tensor, labels: tf.Tensor | None, training: bool) -> tf.Tensor:
        node, ops = self.node, TensorFlowOps(replicas=SingleProcess())
        key = None
        if training:
            key = tf.bitcast(tf.random.uniform((), -(2**31), 2**31 - 1, tf.int32), tf.uint32)
        run = Pass(
            ops=ops,
            arrays={name: tf.convert_to_tensor(variable) for name, variable in self.arrays.items()},
            labels=None if labels is None else ops.one_hot(labels, node.classes, x),
            key=key,
            moving=training,
            replicas=ops.replicas,
            chain=_chain,
        )
        made = node.layer.forward(node, x, run)
        for name, value in run.moved.items():
            self.arrays[name].assign(tf.stop_gradient(value))
        return made


def _parameters(node: Node) -> list[Parameter]:
    return [each for inner in walk((node,)) for each in inner.layer.parameters(inner)]


def _chain(nodes: tuple[Node, ...], x: tf.Tensor, run: Pass) -> tf.Tensor:
    for node in nodes:
        x = node.layer.forward(node, x, run)
    return x
