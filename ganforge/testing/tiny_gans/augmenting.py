"""Tiny GANs for what stands in front of the discriminator: every augmentation, fixed and adaptive probabilities."""

from ganforge.spec.augmentation import Adaptive, Augmentation
from ganforge.spec.gan import Gan
from ganforge.spec.layers import Flatten, Relu, Reshape, Sigmoid, Tanh
from ganforge.spec.protocol import Player
from ganforge.testing.tiny_gans.parts import LEAKY, ONE, SMALL, conv, dense, gan, norm

AUGMENTING: dict[str, Gan] = {
    "augmented": gan(
        (dense(units=60), Reshape(shape=(4, 5, 3)), norm(), Relu(), conv(filters=3, kernel=3), Tanh()),
        (conv(filters=3, kernel=3, stride=2), LEAKY, Flatten(), *ONE),
        (4, 5, 3),
        penalty="gradient",
        augment=Augmentation(
            flip=True, brightness=0.5, saturation=1.0, contrast=0.5, translation=0.3, cutout=0.5, probability=0.7
        ),
    ),
    "augmented-adaptive": gan(
        (dense(units=40), norm(), Relu(), dense(units=20), Sigmoid(), Reshape(shape=(5, 4, 1))),
        (conv(filters=2, kernel=3, stride=2), norm(), LEAKY, Flatten(), *ONE),
        (5, 4, 1),
        discriminator=Player(updates=3),
        augment=Augmentation(
            flip=True,
            brightness=0.5,
            contrast=0.5,
            translation=0.2,
            cutout=0.4,
            probability=Adaptive(target=-0.4, interval=4, images=50),
        ),
    ),
    "augmented-joint": gan(
        *SMALL, loss="relativistic", penalty="r1", batches="joint", augment=Augmentation(translation=0.4, cutout=0.3)
    ),
}
