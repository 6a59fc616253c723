"""The training loop: no framework, no files, no printing. Everything beside the steps is done by `Events`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Protocol, SupportsFloat

from ganforge.backend.contract import Scalars, Session
from ganforge.errors import RunError
from ganforge.training.batches import Batches, draw_steps

_UNREAD = 64
"""The most steps whose scalars are kept unread."""


class Events(Protocol):
    """What the loop calls beside its steps."""

    def step_finished(self, step: int, scalars: Mapping[str, float] | None) -> None:
        """Step `step` (counted from 1) is done; scalars on logged steps, None on the others."""
        ...

    def epoch_finished(self, epoch: int, means: Mapping[str, float], steps: int) -> None:
        """Epoch `epoch` (counted from 1) ended within the step told last; means over its `steps` steps.

        A loop that began within the epoch means the steps it did itself. Of epochs that end within the same step the
        last is told. A step that took batches of two epochs counts to the one that ended. A mean may be nan.
        """
        ...

    def save(self, step: int, scalars: Mapping[str, float]) -> None:
        """A checkpoint is due after step `step`; scalars as each was last computed."""
        ...

    def stop_asked(self) -> bool:
        """Whether to stop after the step that has just been done; a checkpoint is saved first."""
        ...


@dataclass
class _Means:
    """Means of the scalars of steps, read some at a time.

    Reading waits for the device. So a step's scalars are read when it has long been done: the elder half of those
    unread whenever there are `_UNREAD`, all when the means are taken. Where a framework then waits for younger steps
    too, as for all that a CUDA stream holds, that is once in so many steps.
    """

    unread: list[Scalars] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    """Of the steps that have each: of a lazy penalty not every one has."""
    steps: int = 0

    def add(self, scalars: Scalars) -> None:
        self.unread.append(scalars)
        self.steps += 1
        if len(self.unread) == _UNREAD:
            self._read(_UNREAD // 2)

    def take(self) -> tuple[dict[str, float], int]:
        """Means of the steps added since the last time, and how many they are."""
        self._read(len(self.unread))
        means, steps = {name: value / self.counts[name] for name, value in self.sums.items()}, self.steps
        self.sums, self.counts, self.steps = {}, {}, 0
        return means, steps

    def _read(self, count: int) -> None:
        for scalars in self.unread[:count]:
            for name, value in scalars.items():
                self.sums[name] = self.sums.get(name, 0.0) + float(value)
                self.counts[name] = self.counts.get(name, 0) + 1
        del self.unread[:count]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Which steps are done, and after which of them something is due."""

    start: int
    """Steps already done."""
    stop: int
    """Steps in all."""
    log_every: int
    checkpoint_every: int


def train_steps(
    session: Session,
    batches: Batches,
    schedule: Schedule,
    events: Events,
    latest: Mapping[str, SupportsFloat] | None = None,
) -> int:
    """Train until `schedule.stop` or until asked to stop; returns the number of steps done in all.

    latest: the scalars of the steps already done, as each was last computed.

    Raises:
        RunError: a loss is no longer finite; nothing is saved after that.
    """
    gan = batches.gan
    updates, batches_of_epoch = gan.protocol.discriminator.updates, gan.protocol.batches_of_epoch(len(batches.images))
    done, means, latest = schedule.start, _Means(), dict(latest or {})
    for inputs in draw_steps(batches, range(schedule.start, schedule.stop)):
        scalars = session.step(inputs)
        latest |= scalars  # which of a lazy penalty keeps the last value that there was
        done += 1
        finished, asked = done == schedule.stop, events.stop_asked()
        logs = done % schedule.log_every == 0 or finished
        saves = done % schedule.checkpoint_every == 0 or finished or asked
        # Reading a scalar waits for the device, so of a step just begun it is done on these alone.
        values = {name: float(value) for name, value in latest.items()} if logs or saves else None
        if values is not None:
            _refuse_unbounded(values, done, gan.loss.name)
        means.add(scalars if values is None else {name: values[name] for name in scalars})
        events.step_finished(done, values if logs else None)
        epoch, into_epoch = divmod(done * updates, batches_of_epoch)
        if into_epoch < updates:  # the step took the epoch's last batch
            events.epoch_finished(epoch, *means.take())
        if saves:
            assert values is not None
            events.save(done, values)
        if asked:
            break
    return done


def _refuse_unbounded(values: Mapping[str, float], step: int, loss: str) -> None:
    wrong = [f"{name} = {value}" for name, value in values.items() if not isfinite(value)]
    if wrong:
        raise RunError(
            f"step {step}: {', '.join(wrong)}. Training has diverged; what was saved before is untouched. "
            "Try lower rates (training.generator.optimizer.learning_rate, and the discriminator's), a clip, a "
            f"penalty on the discriminator, or another loss than {loss!r}"
        )
