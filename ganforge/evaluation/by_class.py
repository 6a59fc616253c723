"""The measures of each class, and how many images look like the class that they were asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ganforge.errors import EvaluationError
from ganforge.evaluation.features import Features
from ganforge.evaluation.halves import SEED
from ganforge.evaluation.measures import LEAST, Measures, measure
from ganforge.evaluation.report import ClassRow
from ganforge.spec.arrays import Labels


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Two halves of real features with their classes."""

    first: Features
    second: Features
    labels: tuple[Labels, Labels]
    names: tuple[str, ...]
    looks: Callable[[Features], Labels]
    """Features (N, d) to the classes (N,) that the images look like."""

    def share(self, made: Features, labels: Labels) -> float:
        """Share of generated images that look like the class of their label."""
        return float((self.looks(made) == labels).mean())

    @cached_property
    def floor_share(self) -> float:
        """The same of the real images of the second half."""
        return float((self._floor_looks == self.labels[1]).mean())

    def rows(self, subject: str, made: Features, labels: Labels) -> Iterator[ClassRow]:
        """The measures of each class that has images enough, equally many of all three kinds."""
        looks = self.looks(made)
        for label, name in enumerate(self.names):
            chosen = labels == label
            count = min(int(chosen.sum()), *(int((each == label).sum()) for each in self.labels))
            if count < LEAST:
                continue
            real = self.first[self.labels[0] == label][:count]
            floor = _tried(real, self.second[self.labels[1] == label][:count])
            found = _tried(real, made[chosen][:count])
            if found is None or floor is None:
                continue
            yield ClassRow(
                subject=subject,
                class_name=name,
                images=count,
                measures=found,
                floor=floor,
                recognised=float((looks[chosen] == label).mean()),
                floor_recognised=float((self._floor_looks[self.labels[1] == label] == label).mean()),
            )

    @cached_property
    def _floor_looks(self) -> Labels:
        return self.looks(self.second)


def _tried(real: Features, made: Features) -> Measures | None:
    """None: a class whose images are all the same."""
    try:
        return measure(real, made, seed=SEED)
    except EvaluationError:
        return None
