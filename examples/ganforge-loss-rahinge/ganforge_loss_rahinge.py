"""The relativistic average hinge loss and a one-sided gradient penalty, written once for every backend."""

from collections.abc import Callable, Iterable

from ganforge import hookimpl
from ganforge.spec import LossEntry, Ops, PenaltyEntry, Targets, Tensor


def discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Real logits are to lie 1 above the mean of the fake ones, fake ones 1 below that of the real ones.

    Jolicoeur-Martineau 2018, section 4, with the hinge as its function.
    """
    return (
        ops.mean(ops.relu(1.0 - (real - ops.mean(fake)))),
        ops.mean(ops.relu(1.0 + (fake - ops.mean(real)))),
    )


def generator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> Tensor:
    """The sum of the discriminator's two terms with real and fake exchanged."""
    return ops.mean(ops.relu(1.0 - (fake - ops.mean(real)))) + ops.mean(ops.relu(1.0 + (real - ops.mean(fake))))


def penalty(ops: Ops, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, interpolation: Tensor) -> Tensor:
    """How far the gradient's norm exceeds 1, squared, between real and fake images (Petzka et al. 2018)."""
    slope = ops.gradient(critic, real * interpolation + fake * (1.0 - interpolation))
    norm = ops.sqrt(ops.sum_each(ops.square(slope)) + 1e-12)
    return ops.mean(ops.square(ops.relu(norm - 1.0)))


@hookimpl
def ganforge_losses() -> Iterable[LossEntry | PenaltyEntry]:
    """The loss and the penalty."""
    yield LossEntry(
        name="relativistic-hinge",
        summary="relativistic average, with the hinge (Jolicoeur-Martineau 2018, section 4)",
        discriminator=discriminator,
        generator=generator,
        generator_sees_real=True,
        shift_invariant=True,
    )
    yield PenaltyEntry(
        name="one-sided",
        summary="max(0, |gradient| - 1)^2 between real and fake images (Petzka et al. 2018)",
        penalty=penalty,
    )
