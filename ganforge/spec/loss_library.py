"""The losses and penalties that come with ganforge. Each gives its paper and equation in `LOSSES`."""

from collections.abc import Callable

from ganforge.spec.losses import LossEntry, PenaltyEntry, Targets
from ganforge.spec.ops import Ops, Tensor


def _cross_entropy(ops: Ops, logits: Tensor, targets: Tensor) -> Tensor:
    return ops.mean(ops.softplus(logits) - logits * targets)


def _bce_discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    return _cross_entropy(ops, real, targets.real), _cross_entropy(ops, fake, targets.fake)


def _bce_generator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> Tensor:
    return _cross_entropy(ops, fake, targets.fake)


def _two_way(ops: Ops, logits: Tensor, targets: Tensor) -> Tensor:
    log_p = ops.log_softmax(logits)
    return -ops.mean(targets * log_p[:, 1:2] + (1.0 - targets) * log_p[:, 0:1])


def _log_odds(logits: Tensor) -> Tensor:
    return logits[:, 1:2] - logits[:, 0:1]


def _softmax_discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    return _two_way(ops, real, targets.real), _two_way(ops, fake, targets.fake)


def _softmax_generator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> Tensor:
    return _two_way(ops, fake, targets.fake)


def _classified(ops: Ops, logits: Tensor, targets: Targets) -> Tensor:
    """Cross-entropy of the class, by the logits behind the first."""
    return -ops.mean(ops.sum_each(targets.labels * ops.log_softmax(logits[:, 1:])))


def _first_logit(logits: Tensor) -> Tensor:
    return logits[:, :1]


def _auxiliary_discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    return (
        _cross_entropy(ops, _first_logit(real), targets.real) + _classified(ops, real, targets),
        _cross_entropy(ops, _first_logit(fake), targets.fake) + _classified(ops, fake, targets),
    )


def _auxiliary_generator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> Tensor:
    return _cross_entropy(ops, _first_logit(fake), targets.fake) + _classified(ops, fake, targets)


def _squares_discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    return 0.5 * ops.mean(ops.square(real - targets.real)), 0.5 * ops.mean(ops.square(fake - targets.fake))


def _squares_generator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> Tensor:
    return 0.5 * ops.mean(ops.square(fake - targets.fake))


def _hinge_discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    return ops.mean(ops.relu(1.0 - real)), ops.mean(ops.relu(1.0 + fake))


def _wasserstein_discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    return -ops.mean(real), ops.mean(fake)


def _critic_generator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> Tensor:
    return -ops.mean(fake)


def _relativistic_discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    return (
        0.5 * ops.mean(ops.softplus(ops.mean(fake) - real)),
        0.5 * ops.mean(ops.softplus(fake - ops.mean(real))),
    )


def _relativistic_generator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> Tensor:
    return 0.5 * (ops.mean(ops.softplus(real - ops.mean(fake))) + ops.mean(ops.softplus(ops.mean(real) - fake)))


def _paired_discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    half = 0.5 * ops.mean(ops.softplus(fake - real))
    return half, half


def _paired_generator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> Tensor:
    return ops.mean(ops.softplus(real - fake))


def _gradient_penalty(
    ops: Ops, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, interpolation: Tensor
) -> Tensor:
    slope = ops.gradient(critic, real * interpolation + fake * (1.0 - interpolation))
    # The root's own derivative is infinite at 0; 1e-12 is far below what the norm is trained towards.
    return ops.mean(ops.square(ops.sqrt(ops.sum_each(ops.square(slope)) + 1e-12) - 1.0))


def _squared_slope(ops: Ops, critic: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    return ops.mean(ops.sum_each(ops.square(ops.gradient(critic, at))))


def _zero_centered(
    ops: Ops, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, interpolation: Tensor
) -> Tensor:
    return _squared_slope(ops, critic, real * interpolation + fake * (1.0 - interpolation))


def _r1(ops: Ops, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, interpolation: Tensor) -> Tensor:
    return 0.5 * _squared_slope(ops, critic, real)


def _r2(ops: Ops, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, interpolation: Tensor) -> Tensor:
    return 0.5 * _squared_slope(ops, critic, fake)


def _r1_r2(ops: Ops, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, interpolation: Tensor) -> Tensor:
    return _r1(ops, critic, real, fake, interpolation) + _r2(ops, critic, real, fake, interpolation)


LOSSES: tuple[LossEntry | PenaltyEntry, ...] = (
    LossEntry(
        name="bce",
        summary="binary cross-entropy, non-saturating generator (Goodfellow et al. 2014, section 3)",
        discriminator=_bce_discriminator,
        generator=_bce_generator,
        uses_targets=True,
    ),
    LossEntry(
        name="softmax",
        summary="softmax cross-entropy over two logits, {0: fake, 1: real}",
        discriminator=_softmax_discriminator,
        generator=_softmax_generator,
        outputs=2,
        realness=_log_odds,
        uses_targets=True,
    ),
    LossEntry(
        name="auxiliary-classifier",
        summary="cross-entropy of real or fake and of the class (Odena et al. 2017, eq. 2 and 3)",
        discriminator=_auxiliary_discriminator,
        generator=_auxiliary_generator,
        realness=_first_logit,
        classifies=True,
        uses_targets=True,
    ),
    LossEntry(
        name="least-squares",
        summary="least squares towards the targets (Mao et al. 2017, eq. 2)",
        discriminator=_squares_discriminator,
        generator=_squares_generator,
        uses_targets=True,
        logits_reach_targets=True,
    ),
    LossEntry(
        name="hinge",
        summary="hinge (Lim and Ye 2017; Miyato et al. 2018, eq. 16 and 17)",
        discriminator=_hinge_discriminator,
        generator=_critic_generator,
    ),
    LossEntry(
        name="wasserstein",
        summary="Wasserstein distance, for a discriminator kept smooth by a penalty (Arjovsky et al. 2017)",
        discriminator=_wasserstein_discriminator,
        generator=_critic_generator,
        shift_invariant=True,
    ),
    LossEntry(
        name="relativistic",
        summary="relativistic average, with binary cross-entropy (Jolicoeur-Martineau 2018, section 4.2.2)",
        discriminator=_relativistic_discriminator,
        generator=_relativistic_generator,
        generator_sees_real=True,
        shift_invariant=True,
    ),
    LossEntry(
        name="relativistic-paired",
        summary="real against fake, pair by pair, with logistic loss (Jolicoeur-Martineau 2018, section 4.1; R3GAN)",
        discriminator=_paired_discriminator,
        generator=_paired_generator,
        generator_sees_real=True,
        shift_invariant=True,
    ),
    PenaltyEntry(
        name="gradient",
        summary="(|gradient| - 1)^2 between real and fake images (Gulrajani et al. 2017, eq. 3)",
        penalty=_gradient_penalty,
    ),
    PenaltyEntry(
        name="zero-centered",
        summary="the squared gradient between real and fake images (0-GP; Thanh-Tung et al. 2019)",
        penalty=_zero_centered,
    ),
    PenaltyEntry(
        name="r1",
        summary="half the squared gradient at real images (Mescheder et al. 2018, eq. 9)",
        penalty=_r1,
    ),
    PenaltyEntry(
        name="r2",
        summary="half the squared gradient at fake images (Mescheder et al. 2018, eq. 10)",
        penalty=_r2,
    ),
    PenaltyEntry(
        name="r1-r2",
        summary="half the squared gradients at real and at fake images (Huang et al. 2024, section 2)",
        penalty=_r1_r2,
    ),
)
