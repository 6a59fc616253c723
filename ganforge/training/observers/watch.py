"""Warnings that help: when the discriminator wins, or the generator's images become alike, what to change.

A loss that is no longer finite is not this plugin's: the training loop stops there.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ganforge.errors import GanforgeError
from ganforge.plugins.markers import hookimpl
from ganforge.spec.layers import Dropout
from ganforge.spec.layers.chain import walk
from ganforge.spec.schedules import Schedule
from ganforge.training.observers.snapshots import real_images

if TYPE_CHECKING:
    from ganforge.spec.arrays import Images
    from ganforge.spec.gan import Gan, NetworkName
    from ganforge.training.run import Run

WINDOW = 10
"""Logged steps that a warning of the losses looks back on."""
NEAR_ZERO = 0.15
"""Of the discriminator's two terms, real and fake, together; cross entropy begins at 1.4, hinge at 2."""
RISE = 1.1
"""By how much the generator's mean loss must have grown from one half of the window to the other."""
ALIKE = 0.35
"""Share of the real images' distance from each other below which generated ones are called alike.

One noisy pattern is a fifth to a third; what has learnt is well above a half.
"""
CHECKS = 3
"""Checks in a row that must find them alike."""
GROWTH = 1.1
"""How much their distance may grow over these checks: a generator begins with alike images and leaves them behind."""
SILENCE = 50
"""Logged steps, or checks of the images, before the same is said again."""

Assignments = tuple[str, ...]
"""What `--set` is given."""


class Losses(NamedTuple):
    """What a logged step tells of who wins."""

    discriminator: float
    """What it loses, without scale and penalty: see `loss_of_discriminator`."""
    generator: float


def loss_of_discriminator(gan: "Gan", scalars: Mapping[str, float]) -> float:
    """Both of its terms, their signs dropped; or, if less, the cross-entropy of its mean logits with targets 1 and 0.

    Where targets are noisy, smoothed or exchanged now and then, the terms stay above zero however sure it is.
    """
    terms = abs(scalars["d_loss_real"]) + abs(scalars["d_loss_fake"])
    if not gan.loss.uses_targets:
        return terms
    targets = gan.protocol.targets
    way = 1.0 if targets.real > targets.fake else -1.0
    sure = np.logaddexp(0.0, -way * scalars["d_real"]) + np.logaddexp(0.0, way * scalars["d_fake"])
    return min(terms, float(sure))


def is_sure(window: Sequence[Losses]) -> bool:
    """Whether the discriminator's loss has been near zero all the time."""
    return max(losses.discriminator for losses in window) < NEAR_ZERO


def discriminator_wins(window: Sequence[Losses]) -> bool:
    """Whether the discriminator's loss is near zero while the generator's is well above it and rises.

    A Wasserstein loss may pass through zero at any time; its terms are near zero only where the generator's loss is.
    """
    generator = np.array([losses.generator for losses in window])
    earlier, later = (half.mean() for half in np.split(generator, [len(generator) // 2]))
    return is_sure(window) and bool(later > max(4 * NEAR_ZERO, RISE * earlier))


def images_alike(shares: Sequence[float]) -> bool:
    """Whether generated images, by their distance as a share of the real ones', are alike and stay so."""
    return max(shares) < ALIKE and shares[-1] <= GROWTH * shares[0]


def distance(groups: Sequence["Images"]) -> float:
    """How far images of the same group lie from each other: root of the mean square over pairs and pixels, 0 to 255.

    groups: uint8 (N, height, width, channels) each, two images or more. Twice the variance is the mean square over
    all pairs, so no pair has to be looked at.
    """
    squares = [2.0 * images.astype(np.float64).var(axis=0, ddof=1).mean() for images in groups]
    return float(np.sqrt(np.mean(squares)))


def for_a_winning_discriminator(gan: "Gan") -> list[Assignments]:
    """What may help when the discriminator wins: the remedies of the tutorials on GANs, in their order."""
    protocol = gan.protocol
    dropout = _more_dropout(gan)
    return [
        _half_the_rate(gan, "discriminator"),
        (f"layers.dropout.rate={dropout:g}",),
        (f"architecture.dropout={dropout:g}",),
        (f"training.generator.updates={protocol.generator.updates + 1}",),
        _more_noise(gan),
    ]


def for_alike_images(gan: "Gan") -> list[Assignments]:
    """What may help when the images are alike: a generator that runs ahead less far, a smoother discriminator."""
    protocol = gan.protocol
    behind = (
        "training.generator.updates=1"
        if protocol.generator.updates > 1
        else f"training.discriminator.updates={protocol.discriminator.updates + 1}"
    )
    penalty = [] if protocol.penalty else [("training.penalty.name=r1", "training.penalty.weight=5")]
    return [_half_the_rate(gan, "generator"), (behind,), *penalty, _more_noise(gan)]


def _half_the_rate(gan: "Gan", network: "NetworkName") -> Assignments:
    """Of a schedule both ends."""
    place, rate = f"training.{network}.optimizer.learning_rate", gan.protocol.player(network).optimizer.learning_rate
    if isinstance(rate, Schedule):
        return (f"{place}.start={rate.start / 2:.3g}", f"{place}.end={rate.end / 2:.3g}")
    return (f"{place}={rate / 2:.3g}",)


def _more_dropout(gan: "Gan") -> float:
    """A rate of dropout above the discriminator's own; 0.4, as is usual, where it has none."""
    rates = [node.layer.rate for node in walk(gan.discriminator) if isinstance(node.layer, Dropout)]
    return min(max(rates) + 0.1, 0.8) if rates else 0.4


def _more_noise(gan: "Gan") -> Assignments:
    return (f"training.targets.noise={max(0.05, 2 * gan.protocol.targets.noise):g}",)


def fitting(run: "Run", remedies: Sequence[Assignments]) -> list[Assignments]:
    """Those of `remedies` that the run's recipe takes: it refuses, for one, noise on targets that its loss has not."""
    from ganforge.plugins.kinds import known_kinds
    from ganforge.recipes.laying import parse_assignments
    from ganforge.recipes.reading import read
    from ganforge.training.experiment import resolve_networks

    found = []
    for assignments in remedies:
        try:
            recipe = read(run.recipe, run.host, known_kinds(run.host), overrides=parse_assignments(assignments))
            changed = resolve_networks(recipe, run.host).gan != run.model.gan
        except GanforgeError:
            continue
        if changed:
            found.append(assignments)
    return found


class _Watch:
    """What has been seen of the run in progress."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.losses: deque[Losses] = deque(maxlen=WINDOW)
        self.shares: deque[float] = deque(maxlen=CHECKS)
        self.silence = {"losses": 0, "images": 0}

    @hookimpl
    def ganforge_run_started(self, run: "Run") -> None:
        """Forget the run before."""
        self._reset()

    @hookimpl
    def ganforge_step_finished(self, run: "Run", step: int, scalars: Mapping[str, float] | None) -> None:
        """Look at the losses of logged steps, and at some images as often as grids are drawn."""
        if run.quiet:
            return
        if scalars is not None:
            self._see_losses(run, scalars)
        if step % run.recipe.run.sample_every == 0:
            self._see_images(run)

    def _see_losses(self, run: "Run", scalars: Mapping[str, float]) -> None:
        lost = loss_of_discriminator(run.model.gan, scalars)
        self.losses.append(Losses(discriminator=lost, generator=scalars["g_loss"]))
        if len(self.losses) == WINDOW and discriminator_wins(self.losses):
            words = (
                f"the discriminator wins: its loss is {scalars['d_loss']:.3g}, the generator's has risen to "
                f"{scalars['g_loss']:.3g}"
            )
            self._say(run, "losses", words, for_a_winning_discriminator(run.model.gan))
        self.silence["losses"] -= 1

    def _see_images(self, run: "Run") -> None:
        rows = real_images(run)
        made = [
            run.model.sample(seeds=range(len(images)), labels=None if label is None else [label] * len(images))
            for label, images in rows
        ]
        real = distance([images for _, images in rows])
        if not real:
            return
        self.shares.append(distance(made) / real)
        if len(self.shares) == CHECKS and images_alike(self.shares):
            words = (
                f"generated images are nearly alike: {self.shares[-1]:.0%} of the distance that real ones have from "
                "each other (mode collapse)"
            )
            # A discriminator that wins leaves the generator nothing to learn: more updates of it would be no remedy.
            won = len(self.losses) == WINDOW and is_sure(self.losses)
            remedies = for_a_winning_discriminator if won else for_alike_images
            self._say(run, "images", words, remedies(run.model.gan))
        self.silence["images"] -= 1

    def _say(self, run: "Run", kind: str, words: str, remedies: Sequence[Assignments]) -> None:
        if self.silence[kind] > 0:
            return
        from ganforge.training.run_folder import RECIPE

        self.silence[kind] = SILENCE
        lines = "".join(f"\n    {' '.join(f'--set {each}' for each in remedy)}" for remedy in fitting(run, remedies))
        again = f"ganforge train --recipe {run.folder / RECIPE}"
        run.warn(f"ganforge: step {run.step:,}: {words}. Another run may do better:\n{again} with one of{lines}")


_watch = _Watch()
ganforge_run_started = _watch.ganforge_run_started
ganforge_step_finished = _watch.ganforge_step_finished
