"""Tiny GANs for what stands in front of the discriminator: every augmentation, fixed and adaptive probabilities;
and for consistency and LeCam."""

from ganforge.spec.augmentation import Adaptive, Augmentation
from ganforge.spec.gan import Gan
from ganforge.spec.layers import Dropout, Flatten, Relu, Reshape, Sigmoid, Tanh
from ganforge.spec.protocol import Player
from ganforge.spec.regularization import Consistency, LeCam
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
        (dense(units=40), Reshape(shape=(5, 4, 2)), norm(), Relu(), conv(filters=1, kernel=3), Sigmoid()),
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
    "consistent": gan(
        (dense(units=18), Reshape(shape=(3, 3, 2)), norm(), Relu(), conv(filters=1, kernel=3), Tanh()),
        (conv(filters=3, kernel=3, stride=2), norm(), LEAKY, Dropout(rate=0.3), Flatten(), *ONE),
        (3, 3, 1),
        classes=0,
        discriminator_scale=0.5,
        consistency=Consistency(real=2.0, fake=3.0, augment=Augmentation(flip=True, translation=0.4, probability=0.8)),
    ),
    "anchored": gan(
        *SMALL,
        loss="hinge",
        batches="joint",
        discriminator=Player(updates=2),
        augment=Augmentation(cutout=0.3),
        consistency=Consistency(augment=Augmentation(translation=0.4)),
        lecam=LeCam(weight=0.5, decay=0.8),
    ),
    "augmented-joint": gan(
        *SMALL, loss="relativistic", penalty="r1", batches="joint", augment=Augmentation(translation=0.4, cutout=0.3)
    ),
}
