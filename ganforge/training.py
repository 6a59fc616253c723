"""The training loop: no framework, no files, no printing. What happens beside a step is the events' business."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from ganforge.backend import WHOLE, Labels, Pictures, Session, Share
from ganforge.batches import draw_steps
from ganforge.errors import RunError
from ganforge.gan import Gan


class Events(Protocol):
    """What the loop tells, and asks, whoever runs it."""

    def step_finished(self, step: int, scalars: Mapping[str, float] | None) -> None:
        """Step `step` (counted from 1) is done; scalars on logged steps, None on the others."""
        ...

    def save(self, step: int) -> None:
        """A checkpoint is due after step `step`."""
        ...

    def stop_asked(self) -> bool:
        """Whether to stop after the step that has just been done; a checkpoint is saved first."""
        ...


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Which steps are done, and after which of them something is due."""

    seed: int
    start: int
    """Steps already done."""
    stop: int
    """Steps in all."""
    log_every: int
    checkpoint_every: int


def train(
    gan: Gan,
    session: Session,
    images: Pictures,
    labels: Labels | None,
    schedule: Schedule,
    events: Events,
    *,
    share: Share = WHOLE,
) -> int:
    """Train until `schedule.stop` or until asked to stop; returns the number of steps done in all.

    images: uint8 (N, height, width, channels), labels: int64 (N,) for a conditional GAN.
    share: what the session is fed of every batch.

    Raises:
        RunError: a loss is no longer finite; nothing is saved after that.
    """
    done = schedule.start
    steps = range(schedule.start, schedule.stop)
    for inputs in draw_steps(gan, images, labels, seed=schedule.seed, steps=steps, share=share):
        scalars = session.step(inputs)
        done += 1
        finished, asked = done == schedule.stop, events.stop_asked()
        logs = done % schedule.log_every == 0 or finished
        saves = done % schedule.checkpoint_every == 0 or finished or asked
        # Reading a scalar waits for the device, so it is done on these steps alone.
        values = {name: float(value) for name, value in scalars.items()} if logs or saves else None
        if values is not None:
            _refuse_unbounded(values, done, gan.loss.name)
        events.step_finished(done, values if logs else None)
        if saves:
            events.save(done)
        if asked:
            break
    return done


def _refuse_unbounded(values: Mapping[str, float], step: int, loss: str) -> None:
    wrong = [f"{name} = {value}" for name, value in values.items() if not isfinite(value)]
    if wrong:
        raise RunError(
            f"step {step}: {', '.join(wrong)}. Training has diverged; what was saved before is untouched. "
            "Try lower rates (training.generator.optimizer.rate, training.discriminator.optimizer.rate), a clip, a "
            f"penalty on the discriminator, or another loss than {loss!r}"
        )
