"""Tiny GANs for layers: every kind, padding, activation and join, and residual blocks in one another."""

from ganforge.spec.gan import Gan
from ganforge.spec.layers import Dropout, Elu, Flatten, JoinLabel, Relu, Reshape, Residual, Sigmoid, Tanh
from ganforge.spec.layers.initializers import GlorotUniform, HeNormal, TruncatedNormal
from ganforge.spec.protocol import Latent, TargetChoice
from ganforge.testing.tiny_gans.parts import LEAKY, ONE, conv, dense, gan, norm, spread

LAYERS: dict[str, Gan] = {
    "vectors": gan(
        (dense(units=4), norm(), Relu(), dense(units=9, bias=False), Sigmoid(), Reshape(shape=(3, 3, 1))),
        (Flatten(), dense(units=9), LEAKY, dense(units=5), Elu(alpha=0.7), Dropout(rate=0.3), *ONE),
        (3, 3, 1),
        targets=TargetChoice(real=0.9),
    ),
    "kernel-5-even": gan(
        (
            dense(units=12),
            Reshape(shape=(2, 2, 3)),
            norm(),
            Relu(),
            spread(filters=3, kernel=5, stride=2),
            norm(offset=False),
            LEAKY,
            spread(filters=3, kernel=5, stride=2),
            Tanh(),
        ),
        (
            conv(filters=3, kernel=5, stride=2),
            LEAKY,
            conv(filters=3, kernel=5, stride=2, bias=False),
            norm(scale=False),
            LEAKY,
            Flatten(),
            *ONE,
        ),
        (8, 8, 3),
    ),
    "kernel-3-even": gan(
        (
            dense(units=8),
            Reshape(shape=(2, 2, 2)),
            Relu(),
            spread(filters=2, kernel=3, stride=2, kernel_init=HeNormal()),
            norm(),
            Relu(),
            conv(filters=1, kernel=4, kernel_init=GlorotUniform()),
            Tanh(),
        ),
        (
            conv(filters=2, kernel=3, stride=2, kernel_init=TruncatedNormal(std=0.5)),
            LEAKY,
            conv(filters=3, kernel=1),
            Elu(),
            Flatten(),
            *ONE,
        ),
        (4, 4, 1),
        latent=Latent(size=4, distribution="uniform"),
    ),
    "odd-sizes": gan(
        (
            dense(units=12),
            Reshape(shape=(2, 2, 3)),
            Relu(),
            spread(filters=2, kernel=3, stride=2, size=(4, 3)),
            norm(),
            Relu(),
            spread(filters=3, kernel=(4, 5), stride=2, size=(7, 5)),
            Tanh(),
        ),
        (
            conv(filters=2, kernel=(3, 5), stride=2),
            LEAKY,
            conv(filters=3, kernel=(2, 3), stride=(1, 2)),
            norm(),
            LEAKY,
            Flatten(),
            *ONE,
        ),
        (7, 5, 3),
    ),
    "paddings": gan(
        (
            dense(units=12),
            Reshape(shape=(2, 3, 2)),
            Relu(),
            spread(filters=2, kernel=(3, 2), stride=(2, 1), padding="valid", bias=False),
            Relu(),
            spread(filters=1, kernel=(4, 3), stride=(2, 2), padding=((1, 3), (2, 0))),
            Tanh(),
        ),
        (
            conv(filters=2, kernel=3, stride=2, padding=((1, 0), (0, 2))),
            LEAKY,
            conv(filters=2, kernel=(2, 3), padding="valid"),
            LEAKY,
            conv(filters=2, kernel=2, stride=2, padding=1),
            Flatten(),
            *ONE,
        ),
        (8, 7, 1),
    ),
    "labels": gan(
        (
            JoinLabel(),
            dense(units=8),
            Relu(),
            JoinLabel(),
            dense(units=8),
            Reshape(shape=(2, 2, 2)),
            Relu(),
            JoinLabel(),
            spread(filters=1, kernel=4, stride=2),
            Tanh(),
        ),
        (
            JoinLabel(),
            conv(filters=2, kernel=3, stride=2),
            LEAKY,
            JoinLabel(),
            conv(filters=3, kernel=2),
            norm(),
            LEAKY,
            Flatten(),
            JoinLabel(),
            *ONE,
        ),
        (4, 4, 1),
        classes=3,
    ),
    "residuals": gan(
        (
            dense(units=18),
            Reshape(shape=(3, 3, 2)),
            Residual(
                layers=(
                    norm(),
                    Relu(),
                    conv(filters=2, kernel=3),
                    Residual(layers=(Elu(), spread(filters=2, kernel=2), Dropout(rate=0.2))),
                )
            ),
            norm(),
            Relu(),
            conv(filters=1, kernel=3),
            Tanh(),
        ),
        (
            conv(filters=2, kernel=3),
            Residual(layers=(LEAKY, conv(filters=2, kernel=3), Residual(layers=(norm(), LEAKY)))),
            Flatten(),
            Residual(layers=(dense(units=18), LEAKY, Dropout(rate=0.5))),
            *ONE,
        ),
        (3, 3, 1),
    ),
    "dropouts": gan(
        (
            dense(units=8),
            Dropout(rate=0.25),
            Relu(),
            Reshape(shape=(2, 2, 2)),
            Dropout(rate=0.4),
            spread(filters=2, kernel=4, stride=2),
            Tanh(),
        ),
        (Dropout(rate=0.1), conv(filters=3, kernel=3, stride=2), norm(), LEAKY, Dropout(rate=0.5), Flatten(), *ONE),
        (4, 4, 2),
        batches="joint",
        targets=TargetChoice(real=0.9, noise=0.2, flip=0.2),
    ),
}
