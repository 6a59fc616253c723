"""The systems of TensorFlow and Keras as plain TensorFlow; see original_networks.py."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from original_networks import Arrays, Network, mask, of_network


class TensorFlowProgram:
    """What the TensorFlow and Keras systems share: layers as their texts call them, and a step."""

    norm: tuple[float, float] = (0.0, 0.0)
    updates_of_generator = 1
    every_pass = False
    joint = False
    real, fake, scale = 1.0, 0.0, 1.0

    def __init__(self, state: Mapping[str, np.ndarray], cancelled: set[str], width: int, dropouts: list[int]) -> None:
        import tensorflow as tf

        self.tf, self.width, self.dropouts = tf, width, dropouts
        self.nets = {
            network: Network(
                {
                    name.removeprefix(f"{network}/"): tf.Variable(array)
                    for name, array in state.items()
                    if name.startswith(f"{network}/")
                },
                of_network(network, cancelled),
            )
            for network in ("generator", "discriminator")
        }
        self.update = {network: self.optimizer(network) for network in self.nets}

    def optimizer(self, network: str) -> Callable[[list[Any]], None]:
        """TensorFlow 1's own Adam, which TensorFlow 2 still has; its plain numbers would be rounded to float32."""
        rate, beta1, beta2, epsilon = (self.tf.constant(each, "float64") for each in (self.rate, 0.5, 0.999, 1e-8))
        return self.tf.compat.v1.train.AdamOptimizer(rate, beta1, beta2, epsilon).apply_gradients

    # Layers

    def dense(self, net: Network, x: Any) -> Any:
        return self.tf.matmul(x, net.take()) + net.take()

    def conv(self, net: Network, x: Any, stride: int = 2, padding: str = "SAME") -> Any:
        return self.tf.nn.conv2d(x, net.take(), stride, padding) + net.take()

    def deconv(self, net: Network, x: Any, height: int, width: int) -> Any:
        kernel = net.take()
        shape = (x.shape[0], height, width, kernel.shape[2])
        return self.tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME") + net.take()

    def bn(self, net: Network, x: Any) -> Any:
        tf, (decay, epsilon) = self.tf, self.norm
        scale, offset, mean, variance = (net.take() for _ in range(4))
        axes = list(range(len(x.shape) - 1))
        seen_mean, seen_variance = tf.nn.moments(x, axes)
        if net.moves:
            values = int(np.prod(x.shape[:-1]))
            mean.assign(decay * mean + (1 - decay) * seen_mean)
            variance.assign(decay * variance + (1 - decay) * seen_variance * (values / (values - 1)))
        return tf.nn.batch_normalization(x, seen_mean, seen_variance, offset, scale, epsilon)

    def lrelu(self, x: Any, slope: float = 0.2) -> Any:
        return self.tf.maximum(x, self.tf.constant(slope, x.dtype) * x)

    def entropy(self, logits: Any, target: Any) -> Any:
        targets = self.tf.ones_like(logits) * target
        return self.tf.reduce_mean(self.tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=targets))

    # A step

    def step(self, fed: Any) -> dict[str, float]:
        tf, (given,) = self.tf, fed.discriminator
        y = None if given.labels is None else tf.one_hot(given.labels, 10, dtype=tf.float64)
        images = tf.constant(self.pixels(given.images.astype(np.float64)))
        with tf.GradientTape() as tape:
            fakes = self.generate(given.latents, y, self.every_pass)
            d_loss = self.discriminator_loss(images, tf.stop_gradient(fakes), y, given)
        self.apply("discriminator", tape, d_loss)
        for made in fed.generator:
            with tf.GradientTape() as tape:
                fakes = self.generate(made.latents, y, True)
                g_loss = self.entropy(self.judge(fakes, y, self.every_pass, (made.key, 2)), self.real)
            self.apply("generator", tape, g_loss)
        return {"d_loss": float(d_loss), "g_loss": float(g_loss)}

    def discriminator_loss(self, images: Any, fakes: Any, y: Any, given: Any) -> Any:
        real = self.entropy(self.judge(images, y, True, (given.key, 1)), self.real)
        return self.scale * (real + self.entropy(self.judge(fakes, y, True, (given.key, 2)), self.fake))

    def apply(self, network: str, tape: Any, loss: Any) -> None:
        net = self.nets[network]
        gradients = net.moving(tape.gradient(loss, {name: net.arrays[name] for name in net.trained()}))
        self.update[network]([(gradient, net.arrays[name]) for name, gradient in gradients.items()])

    def generate(self, z: Any, y: Any, moves: bool) -> Any:
        self.nets["generator"].begin(moves)
        return self.generator(self.nets["generator"], self.tf.constant(z), y)

    def judge(self, x: Any, y: Any, moves: bool, key: tuple[int, int]) -> Any:
        self.nets["discriminator"].begin(moves)
        self.key = key
        return self.discriminator(self.nets["discriminator"], x, y)

    def pixels(self, images: np.ndarray) -> np.ndarray:
        return images / 127.5 - 1.0

    def arrays(self) -> Arrays:
        """All arrays by their names in a state."""
        return {f"{top}/{name}": each.numpy() for top, net in self.nets.items() for name, each in net.arrays.items()}


class Faces(TensorFlowProgram):
    """The TensorFlow 1 tutorial: batch norm on all of the discriminator's convolutions, Glorot layers with biases."""

    norm, rate = (0.99, 1e-3), 5e-5

    def generator(self, net: Network, z: Any, y: Any) -> Any:
        relu = self.tf.nn.relu
        x = self.tf.reshape(self.dense(net, z), (len(z), 4, 4, 16 * self.width))
        x = relu(self.bn(net, x))
        for size in (8, 16, 32):
            x = relu(self.bn(net, self.deconv(net, x, size, size)))
        return self.tf.tanh(self.deconv(net, x, 64, 64))

    def discriminator(self, net: Network, x: Any, y: Any) -> Any:
        for _ in range(4):
            x = self.lrelu(self.bn(net, self.conv(net, x)))
        return self.dense(net, self.tf.reshape(x, (len(x), -1)))


class Carpedm20(TensorFlowProgram):
    """DCGAN-tensorflow on files: sizes by ceiling division, two updates of the generator, every pass moves."""

    norm, rate, every_pass = (0.9, 1e-5), 2e-4, True

    def generator(self, net: Network, z: Any, y: Any) -> Any:
        relu, sizes = self.tf.nn.relu, [self.size]
        for _ in range(4):
            sizes.append(tuple(-(-side // 2) for side in sizes[-1]))
        x = self.tf.reshape(self.dense(net, z), (len(z), *sizes[4], 8 * self.width))
        x = relu(self.bn(net, x))
        for size in sizes[3:0:-1]:
            x = relu(self.bn(net, self.deconv(net, x, *size)))
        return self.tf.tanh(self.deconv(net, x, *sizes[0]))

    size = (45, 38)

    def discriminator(self, net: Network, x: Any, y: Any) -> Any:
        x = self.lrelu(self.conv(net, x))
        for _ in range(3):
            x = self.lrelu(self.bn(net, self.conv(net, x)))
        return self.dense(net, self.tf.reshape(x, (len(x), -1)))


class CganMnist(Carpedm20):
    """DCGAN-tensorflow on MNIST: the label joined before every layer, a sigmoid at the end."""

    def pixels(self, images: np.ndarray) -> np.ndarray:
        return images / 255.0

    def maps(self, x: Any, y: Any) -> Any:
        shape = (*x.shape[:3], 10)
        return self.tf.concat([x, self.tf.reshape(y, (len(x), 1, 1, 10)) * self.tf.ones(shape, x.dtype)], 3)

    def generator(self, net: Network, z: Any, y: Any) -> Any:
        tf, relu = self.tf, self.tf.nn.relu
        h = relu(self.bn(net, self.dense(net, tf.concat([z, y], 1))))
        h = relu(self.bn(net, self.dense(net, tf.concat([h, y], 1))))
        h = self.maps(tf.reshape(h, (len(z), 7, 7, 2 * self.width)), y)
        h = self.maps(relu(self.bn(net, self.deconv(net, h, 14, 14))), y)
        return tf.sigmoid(self.deconv(net, h, 28, 28))

    def discriminator(self, net: Network, x: Any, y: Any) -> Any:
        tf = self.tf
        h = self.lrelu(self.conv(net, self.maps(x, y)))
        h = self.lrelu(self.bn(net, self.conv(net, self.maps(h, y))))
        h = tf.concat([tf.reshape(h, (len(x), -1)), y], 1)
        h = tf.concat([self.lrelu(self.bn(net, self.dense(net, h))), y], 1)
        return self.dense(net, h)


class Frogs(TensorFlowProgram):
    """The Keras tutorial: one joint batch, fakes first, noisy targets; Keras 2's RMSprop."""

    real, fake = 0.0, 1.0

    def optimizer(self, network: str) -> Callable[[list[Any]], None]:
        rate, done, means = {"discriminator": 8e-4, "generator": 4e-4}[network], [0], {}
        tf = self.tf

        def apply(pairs: list[Any]) -> None:
            now = rate / (1.0 + 1e-8 * done[0])
            for number, (gradient, variable) in enumerate(pairs):
                clipped = tf.clip_by_value(gradient, -1.0, 1.0)
                means[number] = 0.9 * means.get(number, 0.0) + (1.0 - 0.9) * tf.square(clipped)
                variable.assign_sub(now * clipped / (tf.sqrt(means[number]) + 1e-7))
            done[0] += 1

        return apply

    def discriminator_loss(self, images: Any, fakes: Any, y: Any, given: Any) -> Any:
        logits = self.judge(self.tf.concat([fakes, images], 0), y, True, (given.key, 1))
        return self.entropy(logits, np.concatenate([given.fake_targets, given.real_targets]))

    def generator(self, net: Network, z: Any, y: Any) -> Any:
        x = self.tf.reshape(self.lrelu(self.dense(net, z), 0.3), (len(z), 16, 16, self.width))
        x = self.lrelu(self.conv(net, x, 1), 0.3)
        x = self.lrelu(self.deconv(net, x, 32, 32), 0.3)
        for _ in range(2):
            x = self.lrelu(self.conv(net, x, 1), 0.3)
        return self.tf.tanh(self.conv(net, x, 1))

    def discriminator(self, net: Network, x: Any, y: Any) -> Any:
        x = self.lrelu(self.conv(net, x, 1, "VALID"), 0.3)
        for _ in range(3):
            x = self.lrelu(self.conv(net, x, 2, "VALID"), 0.3)
        x = self.tf.reshape(x, (len(x), -1))
        kept = mask(*self.key, self.dropouts[0], tuple(x.shape), 0.4)
        return self.dense(net, self.tf.where(kept, x / 0.6, self.tf.zeros_like(x)))
