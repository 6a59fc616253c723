"""Tiny GANs for training: every loss, penalty and optimizer, orders of updates, averages."""

from ganforge.spec.gan import Gan
from ganforge.spec.layers import Dropout, Elu, Flatten, JoinLabel
from ganforge.spec.optimizers import SGD, Adam, RMSprop
from ganforge.spec.protocol import Average, Player, TargetChoice
from ganforge.testing.tiny_gans.parts import JUDGE, LEAKY, MAKE, ONE, SMALL, conv, dense, gan, norm, players

TRAINING: dict[str, Gan] = {
    # Losses and penalties
    "softmax": gan(MAKE, (*JUDGE, dense(units=2)), (3, 3, 1), loss="softmax", targets=TargetChoice(real=0.8)),
    "auxiliary-classifier": gan(
        (JoinLabel(), *MAKE),
        (*JUDGE, dense(units=4)),
        (3, 3, 1),
        loss="auxiliary-classifier",
        penalty="r1",
        classes=3,
        targets=TargetChoice(real=0.8),
    ),
    "least-squares": gan(*SMALL, loss="least-squares", discriminator_scale=0.5, batches="joint"),
    "hinge-r1": gan(*SMALL, loss="hinge", penalty="r1", discriminator_scale=0.5),
    "wasserstein-gradient": gan(
        MAKE,
        (conv(filters=3, kernel=3, stride=2), LEAKY, Dropout(rate=0.3), norm(), Elu(), Flatten(), *ONE),
        (3, 3, 1),
        loss="wasserstein",
        penalty="gradient",
    ),
    "relativistic": gan(*SMALL, loss="relativistic"),
    "relativistic-r1-joint": gan(*SMALL, loss="relativistic", penalty="r1", batches="joint"),
    # Optimizers
    "rmsprop": gan(
        *SMALL,
        **players(
            RMSprop(learning_rate=1e-3, epsilon=1e-4, clip=0.05, rate_decay=0.1),
            RMSprop(learning_rate=1e-3, rho=0.8, epsilon=1e-4, epsilon_inside_sqrt=True),
        ),
    ),
    "momentum": gan(
        *SMALL, **players(SGD(learning_rate=0.02, momentum=0.9, rate_decay=0.2), SGD(learning_rate=0.02, clip=0.03))
    ),
    "adam": gan(
        *SMALL,
        **players(
            Adam(learning_rate=1e-3, beta1=0.9, epsilon=1e-3, clip=0.05),
            Adam(learning_rate=1e-3, beta1=0.0, rate_decay=0.3),
        ),
    ),
    "adam-epsilon-hat": gan(
        *SMALL,
        **players(
            Adam(learning_rate=1e-3, beta1=0.9, epsilon=1e-3, epsilon_hat=True, clip=0.05),
            Adam(learning_rate=1e-3, beta1=0.0, epsilon_hat=True, rate_decay=0.3),
        ),
    ),
    # Orders of updates
    "many-updates": gan(
        *SMALL,
        discriminator=Player(updates=3),
        generator=Player(updates=2),
        latents="shared",
        average=Average(decay=0.9),
    ),
    "every-pass-moves": gan(
        *SMALL,
        loss="relativistic",  # whose generator's update judges real images too
        running_values="every_pass",
        discriminator=Player(updates=2),
        generator=Player(updates=2),
        latents="shared",
    ),
    "every-pass-moves-joint": gan(*SMALL, penalty="r1", running_values="every_pass", batches="joint"),
    "last-batch": gan(
        *SMALL,
        keep_last=True,
        penalty="gradient",
        targets=TargetChoice(real=0.9, noise=0.1, flip=0.2),
        discriminator=Player(updates=2),
    ),
    "shared-average": gan(
        *SMALL,
        latents="shared",
        average=Average(decay=0.7, warmup=False),
        discriminator=Player(optimizer=Adam(learning_rate=1e-2)),
        generator=Player(optimizer=Adam(learning_rate=1e-2)),
    ),
}
