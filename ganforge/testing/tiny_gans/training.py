"""Tiny GANs for training: every loss, penalty and optimizer, orders of updates, averages."""

from ganforge.spec.gan import Gan
from ganforge.spec.layers import Dropout, Elu, Flatten, JoinLabel, Reshape, Tanh
from ganforge.spec.optimizers import SGD, Adam, RMSprop
from ganforge.spec.protocol import Average, PenaltyChoice, Player, TargetChoice
from ganforge.spec.schedules import Schedule
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
    "relativistic-paired-r1-r2": gan(*SMALL, loss="relativistic-paired", penalty="r1-r2"),
    "zero-centered": gan(*SMALL, penalty="zero-centered"),
    "r2": gan(*SMALL, penalty="r2"),
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
    # Schedules, decay, clipping by norm, lazy penalties
    "schedules": gan(
        *SMALL,
        penalty=PenaltyChoice(name="r1", weight=Schedule(kind="linear", start=4.0, end=0.5, steps=3)),
        discriminator=Player(
            updates=2,
            optimizer=Adam(
                learning_rate=Schedule(kind="cosine", start=1e-3, end=0.0, steps=20, warmup=2),
                beta2=Schedule(kind="linear", start=0.5, end=0.99, steps=4),
                epsilon=1e-3,
            ),
        ),
        generator=Player(
            updates=2,
            optimizer=Adam(
                learning_rate=Schedule(kind="linear", start=1e-3, end=1e-4, steps=5),
                beta2=Schedule(kind="cosine", start=0.9, end=0.99, steps=3, warmup=1),
                epsilon=1e-3,
                epsilon_hat=True,
            ),
        ),
        average=Average(decay=Schedule(kind="linear", start=0.5, end=0.9, steps=6), warmup=False),
    ),
    "half-life": gan(*SMALL, average=Average(half_life=8.0, ramp_up=0.5)),
    "weight-decay": gan(*SMALL, **players(Adam(learning_rate=1e-2, weight_decay=0.5), Adam(weight_decay=0.1))),
    "weight-decay-sgd": gan(
        *SMALL,
        **players(SGD(learning_rate=0.02, momentum=0.9, weight_decay=0.5), SGD(learning_rate=0.02, weight_decay=0.2)),
    ),
    "weight-decay-rmsprop": gan(
        *SMALL,
        **players(
            RMSprop(learning_rate=1e-3, epsilon=1e-4, weight_decay=0.5),
            RMSprop(learning_rate=Schedule(kind="cosine", start=1e-3, end=0.0, steps=4), weight_decay=0.5),
        ),
    ),
    "clip-norm": gan(
        *SMALL,
        discriminator=Player(optimizer=SGD(learning_rate=0.05, clip=0.04), clip_norm=0.1),
        generator=Player(optimizer=Adam(learning_rate=1e-3, epsilon=1e-3), clip_norm=1e3),  # longer than any
    ),
    "lazy-penalty": gan(*SMALL, penalty=PenaltyChoice(name="r1", weight=3.0, every=2)),
    "lazy-penalty-unscaled": gan(
        *SMALL,
        penalty=PenaltyChoice(name="gradient", weight=3.0, every=3, scaled=False),
        discriminator=Player(updates=2),
    ),
    "accumulated": gan(
        *SMALL,
        accumulate=2,
        loss="relativistic",
        penalty="gradient",
        running_values="every_pass",
        generator=Player(optimizer=SGD(learning_rate=0.02)),
    ),
    "accumulated-joint": gan(
        (dense(units=12), Dropout(rate=0.3), dense(units=9), Tanh(), Reshape(shape=(3, 3, 1))),
        (Flatten(), dense(units=5), Dropout(rate=0.3), LEAKY, *ONE),
        (3, 3, 1),
        accumulate=4,
        batches="joint",
        latents="shared",
        targets=TargetChoice(real=0.9, noise=0.1),
        discriminator=Player(updates=2, optimizer=SGD(learning_rate=0.02)),
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
