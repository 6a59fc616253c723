"""What a loop is given in tests: a schedule, and somebody who writes down what it tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ganforge.training.loop import Schedule


@dataclass
class Told:
    """Events that are written down; asks to stop after step `stop_after`."""

    log: list[tuple[Any, ...]] = field(default_factory=list)
    stop_after: int = 0

    def step_finished(self, step: int, scalars: Mapping[str, float] | None) -> None:
        self.log.append(("step", step, scalars is not None))

    def epoch_finished(self, epoch: int, means: Mapping[str, float], steps: int) -> None:
        self.log.append(("epoch", epoch, dict(means), steps))

    def save(self, step: int, scalars: Mapping[str, float]) -> None:
        self.log.append(("save", step))

    def stop_asked(self) -> bool:
        return bool(self.stop_after) and len([each for each in self.log if each[0] == "step"]) + 1 >= self.stop_after

    def logged(self) -> list[int]:
        return [each[1] for each in self.log if each[0] == "step" and each[2]]

    def epochs(self) -> list[tuple[Any, ...]]:
        return [each[1:] for each in self.log if each[0] == "epoch"]

    def saved(self) -> list[int]:
        return [each[1] for each in self.log if each[0] == "save"]


def schedule(stop: int, start: int = 0, log: int = 3, checkpoint: int = 4) -> Schedule:
    return Schedule(start=start, stop=stop, log_every=log, checkpoint_every=checkpoint)
