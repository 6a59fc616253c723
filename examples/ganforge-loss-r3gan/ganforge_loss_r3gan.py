"""The loss and the penalty of R3GAN (Huang et al. 2024, section 2), written once for every backend."""

from collections.abc import Callable, Iterable

from ganforge import hookimpl
from ganforge.spec import LossEntry, Ops, PenaltyEntry, Targets, Tensor


def discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Mean of softplus(fake - real) over pairs of a real and a fake image.

    Jolicoeur-Martineau 2018, section 4.1. A pair has one term; half of it is counted to either side.
    """
    half = 0.5 * ops.mean(ops.softplus(fake - real))
    return half, half


def generator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> Tensor:
    """Mean of softplus(real - fake): the discriminator's term with the two exchanged."""
    return ops.mean(ops.softplus(real - fake))


def penalty(ops: Ops, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, interpolation: Tensor) -> Tensor:
    """Half the squared gradient at real images (R1) plus half of that at fake ones (R2)."""

    def half_squared_slope(at: Tensor) -> Tensor:
        return 0.5 * ops.mean(ops.sum_each(ops.square(ops.gradient(critic, at))))

    return half_squared_slope(real) + half_squared_slope(fake)


@hookimpl
def ganforge_losses() -> Iterable[LossEntry | PenaltyEntry]:
    """The loss and the penalty."""
    yield LossEntry(
        name="relativistic-paired",
        summary="real against fake, pair by pair, with logistic loss (Jolicoeur-Martineau 2018, section 4.1)",
        discriminator=discriminator,
        generator=generator,
        generator_sees_real=True,
        shift_invariant=True,
    )
    yield PenaltyEntry(
        name="r1-r2",
        summary="half the squared gradients at real and at fake images (Huang et al. 2024, section 2)",
        penalty=penalty,
    )
