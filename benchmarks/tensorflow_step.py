"""A training step of the TensorFlow backend beside the same step written by hand with Keras.

    python benchmarks/tensorflow_step.py [--steps 3] [--rounds 8] [--json FILE]

A DCGAN for 64x64 pictures, 64 to 512 channels, batches of 64, float32. By hand means: Keras layers, Keras's Adam and
loss, and one tf.function, in the shape of Keras's own DCGAN example (fakes and real pictures judged as one batch, the
generator trained on new latents). The two take turns in one process, so that a noisy machine is noisy for both; what is
printed is the ratio of their median times.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from ganforge_tensorflow.plugin import ganforge_backends

from ganforge.backend import StepInputs
from ganforge.batches import draw_step
from ganforge.gan import Gan
from ganforge.losses import LossEntry, ganforge_losses
from ganforge.protocol import Adam, Latent, Player, Protocol
from ganforge.spec import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Flatten,
    Layer,
    LeakyRelu,
    Network,
    Normal,
    Relu,
    Reshape,
    Tanh,
)

BATCH, LATENT, WIDTHS = 64, 100, (64, 128, 256, 512)


def described() -> Gan:
    """The GAN as ganforge has it."""
    init, norm = Normal(std=0.02), BatchNorm(decay=0.9, epsilon=1e-5)
    up: list[Layer] = [Dense(units=4 * 4 * WIDTHS[-1], kernel_init=init), Reshape(shape=(4, 4, WIDTHS[-1]))]
    for width in WIDTHS[-2::-1]:
        up += [norm, Relu(), ConvTranspose(filters=width, kernel=4, stride=2, kernel_init=init)]
    up += [norm, Relu(), ConvTranspose(filters=3, kernel=4, stride=2, kernel_init=init), Tanh()]
    down: list[Layer] = []
    for width in WIDTHS:
        down += [Conv(filters=width, kernel=4, stride=2, kernel_init=init)]
        down += [norm] if width != WIDTHS[0] else []
        down += [LeakyRelu(slope=0.2)]
    down += [Flatten(), Dense(units=1, kernel_init=init)]
    adam = Player(optimizer=Adam(rate=2e-4, beta1=0.5, beta2=0.999, epsilon=1e-7))
    (loss,) = (each for each in ganforge_losses() if isinstance(each, LossEntry) and each.name == "bce")
    return Gan(
        generator_network=Network(input=(LATENT,), layers=tuple(up)),
        discriminator_network=Network(input=(64, 64, 3), layers=tuple(down)),
        protocol=Protocol(
            batch_size=BATCH, latent=Latent(size=LATENT), batches="joint", discriminator=adam, generator=adam
        ),
        loss=loss,
    )


def by_ganforge(feeds: list[StepInputs]) -> Callable[[int], object]:
    """`step(k)` of a session."""
    gan = described()
    (entry,) = ganforge_backends()
    session = entry.open(gan, gan.initial_state(0), "float32", "auto")
    return lambda k: float(session.step(feeds[k % len(feeds)])["g_loss"])


def by_hand(feeds: list[StepInputs]) -> Callable[[int], object]:
    """`step(k)` as a person would write it."""
    import keras
    import tensorflow as tf
    from keras import layers

    def norm() -> layers.Layer:
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)

    init = keras.initializers.RandomNormal(stddev=0.02)
    generator = keras.Sequential([keras.Input((LATENT,)), layers.Dense(4 * 4 * WIDTHS[-1], kernel_initializer=init)])
    generator.add(layers.Reshape((4, 4, WIDTHS[-1])))
    for width in WIDTHS[-2::-1]:
        generator.add(norm())
        generator.add(layers.ReLU())
        generator.add(layers.Conv2DTranspose(width, 4, 2, padding="same", kernel_initializer=init))
    generator.add(norm())
    generator.add(layers.ReLU())
    generator.add(layers.Conv2DTranspose(3, 4, 2, padding="same", kernel_initializer=init, activation="tanh"))

    discriminator = keras.Sequential([keras.Input((64, 64, 3))])
    for width in WIDTHS:
        discriminator.add(layers.Conv2D(width, 4, 2, padding="same", kernel_initializer=init))
        if width != WIDTHS[0]:
            discriminator.add(norm())
        discriminator.add(layers.LeakyReLU(0.2))
    discriminator.add(layers.Flatten())
    discriminator.add(layers.Dense(1, kernel_initializer=init))

    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    d_adam = keras.optimizers.Adam(2e-4, beta_1=0.5)
    g_adam = keras.optimizers.Adam(2e-4, beta_1=0.5)
    d_adam.build(discriminator.trainable_variables)
    g_adam.build(generator.trainable_variables)

    @tf.function
    def train_step(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        real = tf.cast(images, tf.float32) / 127.5 - 1.0
        fake = generator(tf.random.normal((BATCH, LATENT)), training=True)
        labels = tf.concat([tf.zeros((BATCH, 1)), tf.ones((BATCH, 1))], axis=0)
        with tf.GradientTape() as tape:
            d_loss = cross_entropy(labels, discriminator(tf.concat([fake, real], axis=0), training=True))
        gradients = tape.gradient(d_loss, discriminator.trainable_variables)
        d_adam.apply_gradients(zip(gradients, discriminator.trainable_variables, strict=True))

        latents = tf.random.normal((BATCH, LATENT))
        with tf.GradientTape() as tape:
            logits = discriminator(generator(latents, training=True), training=True)
            g_loss = cross_entropy(tf.ones((BATCH, 1)), logits)
        gradients = tape.gradient(g_loss, generator.trainable_variables)
        g_adam.apply_gradients(zip(gradients, generator.trainable_variables, strict=True))
        return d_loss, g_loss

    return lambda k: float(train_step(feeds[k % len(feeds)].discriminator[0].images)[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3, help="steps a turn")
    parser.add_argument("--rounds", type=int, default=8, help="turns each")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args()

    images = np.random.default_rng(0).integers(0, 256, (4 * BATCH, 64, 64, 3), dtype=np.uint8)
    feeds = [draw_step(described(), images, None, seed=0, step=k) for k in range(4)]
    steps = {"ganforge": by_ganforge(feeds), "by hand": by_hand(feeds)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():  # traced, and warm
        for k in range(2):
            step(k)
    for _ in range(asked.rounds):
        for name, step in steps.items():
            for k in range(asked.steps):
                start = time.perf_counter()
                step(k)
                times[name].append(time.perf_counter() - start)
    medians = {name: median(taken) for name, taken in times.items()}
    ratio = medians["by hand"] / medians["ganforge"]
    for name, seconds in medians.items():
        print(f"{name:>10}: {1000 * seconds:7.1f} ms a step, {BATCH / seconds:6.1f} images/s, {len(times[name])} steps")
    print(f"ganforge is {ratio:.3f} times as fast as the loop by hand")
    if asked.json:
        figures = {"ratio": ratio, "seconds": medians, "steps": asked.steps, "rounds": asked.rounds}
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
