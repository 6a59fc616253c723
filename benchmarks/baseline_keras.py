"""The loops that ganforge is compared with, as one writes them by hand with Keras and one `tf.function`.

Keras layers, Keras's Adam and losses. `dcgan` has the order of Keras's own example: fakes and real images judged as
one batch, the generator trained on new latents. Each function gives `step(images, labels)`, images being uint8
(B, height, width, channels). Nothing here knows ganforge; what is trained is what its recipes of the same names train.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

Step = Callable[[np.ndarray, np.ndarray], None]
NORMAL = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}


def _norm() -> layers.Layer:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


def _adam(
    model: keras.Model, rate: float | keras.optimizers.schedules.LearningRateSchedule, **betas: float
) -> keras.optimizers.Adam:
    adam = keras.optimizers.Adam(rate, **betas)
    adam.build(model.trainable_variables)
    return adam


def _apply(adam: keras.optimizers.Adam, tape: tf.GradientTape, loss: tf.Tensor, model: keras.Model) -> None:
    gradients = tape.gradient(loss, model.trainable_variables)
    adam.apply_gradients(zip(gradients, model.trainable_variables, strict=True))


def _finished(train_step: Callable[..., object]) -> Step:
    """Waits for the step: a function of TensorFlow may return before it is done."""

    def step(images: np.ndarray, labels: np.ndarray) -> None:
        float(train_step(images, labels))

    return step


def dcgan(size: int) -> Step:
    """Radford et al. 2015 for images of `size`, a power of two."""
    widths = [64 * 2**depth for depth in range(size.bit_length() - 3)]
    up = [
        layers.Reshape((1, 1, 100)),
        layers.Conv2DTranspose(widths[-1], 4, use_bias=False, **NORMAL),
        _norm(),
        layers.ReLU(),
    ]
    for width in widths[-2::-1]:
        up += [layers.Conv2DTranspose(width, 4, 2, padding="same", use_bias=False, **NORMAL), _norm(), layers.ReLU()]
    last = layers.Conv2DTranspose(3, 4, 2, padding="same", use_bias=False, activation="tanh", **NORMAL)
    generator = keras.Sequential([keras.Input((100,)), *up, last])
    down = [layers.Conv2D(widths[0], 4, 2, padding="same", use_bias=False, **NORMAL), layers.LeakyReLU(0.2)]
    for width in widths[1:]:
        down += [layers.Conv2D(width, 4, 2, padding="same", use_bias=False, **NORMAL), _norm(), layers.LeakyReLU(0.2)]
    top = [layers.Conv2D(1, 4, use_bias=False, **NORMAL), layers.Flatten()]
    discriminator = keras.Sequential([keras.Input((size, size, 3)), *down, *top])
    criterion = keras.losses.BinaryCrossentropy(from_logits=True)
    d_adam, g_adam = (_adam(model, 2e-4, beta_1=0.5) for model in (discriminator, generator))

    @tf.function
    def train_step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        real, batch = tf.cast(images, tf.float32) / 127.5 - 1.0, len(images)
        fake = generator(tf.random.normal((batch, 100)), training=True)
        truth = tf.concat([tf.zeros((batch, 1)), tf.ones((batch, 1))], 0)
        with tf.GradientTape() as tape:
            loss = criterion(truth, discriminator(tf.concat([fake, real], 0), training=True))
        _apply(d_adam, tape, loss, discriminator)
        latents = tf.random.normal((batch, 100))
        with tf.GradientTape() as tape:
            loss = criterion(tf.ones((batch, 1)), discriminator(generator(latents, training=True), training=True))
        _apply(g_adam, tape, loss, generator)
        return loss

    return _finished(train_step)


def _average(averaged: list[tf.Variable], generator: keras.Model) -> None:
    for mean, weight in zip(averaged, generator.trainable_variables, strict=True):
        mean.assign_sub(0.005 * (mean - weight))


def _joined(x: tf.Tensor, hot: tf.Tensor) -> tf.Tensor:
    if len(x.shape) == 4:
        maps = layers.Reshape((1, 1, 10))(hot)
        hot = layers.UpSampling2D(x.shape[1:3])(maps)
    return layers.Concatenate()([x, hot])


def cgan_mnist() -> Step:
    """carpedm20's conditional network for 28x28 digits: one update of D, two of G, averaged weights."""
    latents, hot = keras.Input((100,)), keras.Input((10,))
    x = layers.ReLU()(_norm()(layers.Dense(1024, **NORMAL)(_joined(latents, hot))))
    x = layers.ReLU()(_norm()(layers.Dense(128 * 7 * 7, **NORMAL)(_joined(x, hot))))
    x = layers.Conv2DTranspose(128, 5, 2, padding="same", **NORMAL)(_joined(layers.Reshape((7, 7, 128))(x), hot))
    x = layers.ReLU()(_norm()(x))
    made = layers.Conv2DTranspose(1, 5, 2, padding="same", activation="sigmoid", **NORMAL)(_joined(x, hot))
    generator = keras.Model([latents, hot], made)
    images, hot = keras.Input((28, 28, 1)), keras.Input((10,))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(11, 5, 2, padding="same", **NORMAL)(_joined(images, hot)))
    x = _norm()(layers.Conv2D(74, 5, 2, padding="same", **NORMAL)(_joined(x, hot)))
    x = layers.Flatten()(layers.LeakyReLU(0.2)(x))
    x = layers.LeakyReLU(0.2)(_norm()(layers.Dense(1024, **NORMAL)(_joined(x, hot))))
    discriminator = keras.Model([images, hot], layers.Dense(1, **NORMAL)(_joined(x, hot)))
    criterion = keras.losses.BinaryCrossentropy(from_logits=True)
    d_adam, g_adam = (_adam(model, 2e-4, beta_1=0.5) for model in (discriminator, generator))
    averaged = [tf.Variable(weight) for weight in generator.trainable_variables]

    @tf.function
    def train_step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        real, hot = tf.cast(images, tf.float32) / 255.0, tf.one_hot(labels, 10)
        latents = tf.random.uniform((len(images), 100), -1.0, 1.0)
        fake = generator([latents, hot], training=True)
        with tf.GradientTape() as tape:
            on_real, on_fake = discriminator([real, hot], training=True), discriminator([fake, hot], training=True)
            loss = criterion(tf.ones_like(on_real), on_real) + criterion(tf.zeros_like(on_fake), on_fake)
        _apply(d_adam, tape, loss, discriminator)
        for _ in range(2):
            with tf.GradientTape() as tape:
                on_fake = discriminator([generator([latents, hot], training=True), hot], training=True)
                loss = criterion(tf.ones_like(on_fake), on_fake)
            _apply(g_adam, tape, loss, generator)
        _average(averaged, generator)
        return loss

    return _finished(train_step)


def digits() -> Step:
    """A small conditional GAN, relativistic average loss, rates that fall, averaged weights."""
    latents, hot = keras.Input((32,)), keras.Input((10,))
    x = layers.Reshape((4, 4, 64))(layers.Dense(4 * 4 * 64, **NORMAL)(_joined(latents, hot)))
    x = layers.Conv2DTranspose(32, 4, 2, padding="same", **NORMAL)(layers.ReLU()(_norm()(x)))
    made = layers.Conv2D(1, 3, padding="same", activation="tanh", **NORMAL)(layers.ReLU()(_norm()(x)))
    generator = keras.Model([latents, hot], made)
    images, hot = keras.Input((8, 8, 1)), keras.Input((10,))
    x = layers.Conv2D(48, 4, 2, padding="same", kernel_initializer="he_normal")(_joined(images, hot))
    x = layers.Dense(64, use_bias=False)(_joined(layers.Flatten()(layers.LeakyReLU(0.2)(x)), hot))
    discriminator = keras.Model([images, hot], layers.Dense(1)(layers.LeakyReLU(0.2)(x)))
    falling = keras.optimizers.schedules.InverseTimeDecay(1.5e-3, decay_steps=1, decay_rate=6e-4)
    d_adam, g_adam = (_adam(model, falling, beta_1=0.5, beta_2=0.99) for model in (discriminator, generator))
    averaged = [tf.Variable(weight) for weight in generator.trainable_variables]

    @tf.function
    def train_step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        real, hot = tf.cast(images, tf.float32) / 127.5 - 1.0, tf.one_hot(labels, 10)
        latents = tf.random.normal((len(images), 32))
        with tf.GradientTape() as g_tape:
            fake = generator([latents, hot], training=True)
            with tf.GradientTape() as tape:
                both = discriminator([tf.concat([tf.stop_gradient(fake), real], 0), tf.concat([hot, hot], 0)])
                on_fake, on_real = tf.split(both, 2)
                loss = tf.reduce_mean(tf.nn.softplus(tf.reduce_mean(on_fake) - on_real))
                loss = 0.5 * (loss + tf.reduce_mean(tf.nn.softplus(on_fake - tf.reduce_mean(on_real))))
            _apply(d_adam, tape, loss, discriminator)
            on_real, on_fake = discriminator([real, hot]), discriminator([fake, hot])
            loss = tf.reduce_mean(tf.nn.softplus(on_real - tf.reduce_mean(on_fake)))
            loss = 0.5 * (loss + tf.reduce_mean(tf.nn.softplus(tf.reduce_mean(on_real) - on_fake)))
        _apply(g_adam, g_tape, loss, generator)
        _average(averaged, generator)
        return loss

    return _finished(train_step)
