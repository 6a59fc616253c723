"""Tiny GANs for the layers of residual GANs: pooling, resizing, norms, spectral norm, labels, attention."""

from ganforge.spec.gan import Gan
from ganforge.spec.layers import (
    AvgPool,
    GlobalPool,
    MaxPool,
    Relu,
    Resample,
    Reshape,
    Tanh,
    Upsample,
)
from ganforge.testing.tiny_gans.parts import LEAKY, ONE, conv, dense, gan, norm

BLOCKS: dict[str, Gan] = {
    "pooling": gan(
        (
            dense(units=18),
            Reshape(shape=(3, 3, 2)),
            norm(),
            Relu(),
            Upsample(factor=2),
            conv(filters=2, kernel=3),
            Upsample(method="bilinear", size=(8, 7)),
            conv(filters=1, kernel=3),
            Tanh(),
        ),
        (
            conv(filters=3, kernel=3),
            LEAKY,
            AvgPool(size=3, stride=2, padding="same"),
            conv(filters=2, kernel=2),
            MaxPool(),
            GlobalPool(of="sum"),
            *ONE,
        ),
        (8, 7, 1),
        loss="hinge",
        penalty="r1",
    ),
    "resampling": gan(
        (
            dense(units=12),
            Reshape(shape=(2, 3, 2)),
            Relu(),
            Resample(to="double"),
            conv(filters=2, kernel=3),
            Upsample(size=(5, 6)),
            conv(filters=1, kernel=3),
            Tanh(),
        ),
        (
            conv(filters=3, kernel=3),
            LEAKY,
            Resample(to="half"),
            conv(filters=2, kernel=2),
            Resample(to="same"),
            AvgPool(),
            GlobalPool(of="mean"),
            *ONE,
        ),
        (5, 6, 1),
    ),
}
