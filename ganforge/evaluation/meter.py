"""A run's current model against its own images, again and again with the same extractor and the same real images."""

from dataclasses import dataclass

from ganforge.data.preparing import Prepared
from ganforge.evaluation.extracting import (
    Opened,
    Untaught,
    check_extractor_works,
    default_extractor,
    extract,
    open_extractor,
)
from ganforge.evaluation.feature_cache import cached_features
from ganforge.evaluation.features import Features
from ganforge.evaluation.halves import SEED, Halves, halves_of
from ganforge.evaluation.measures import measure_some
from ganforge.evaluation.metrics_file import Measured
from ganforge.evaluation.recognition import recogniser
from ganforge.evaluation.subjects import draw_like
from ganforge.generation.model import Model
from ganforge.plugins.host import default_host
from ganforge.recipes.schema import EvaluationSettings


@dataclass(frozen=True, kw_only=True)
class Meter:
    """Everything that stays the same from one measurement to the next."""

    opened: Opened
    names: tuple[str, ...]
    """Of the measures."""
    halves: Halves
    features: Features
    """Of the real images to compare with."""
    real: dict[str, float]
    """The measures of other real images."""

    def measured(self, model: Model, step: int) -> Measured:
        """Draw as many images as there are real ones and measure them.

        Raises:
            EvaluationError: they have no distribution to measure, as where all are the same.
        """
        subject = draw_like(model, self.halves, f"step {step:,}")
        features = extract(self.opened, subject.images, subject.name)
        found = measure_some(self.features, features, self.names, seed=SEED)
        if subject.labels is not None and self.halves.labels is not None:
            looks = recogniser(self.opened, self.features, self.halves.labels[0])
            found["recognised"] = float((looks(features) == subject.labels).mean())
        return Measured(
            step=step,
            extractor=self.opened.name,
            fingerprint=self.opened.extractor.fingerprint,
            images=self.halves.count,
            measures=found,
            real=self.real,
        )


def open_meter(settings: EvaluationSettings, data: Prepared) -> Meter:
    """A meter for a run on these images.

    Raises:
        GanforgeError: no such extractor, one that breaks its contract, too few real images, or what of them cannot be
            measured.
    """
    host = default_host()
    _, height, width, channels = data.images.shape
    asked = open_extractor(settings.extractor or default_extractor(host), (height, width, channels), host)
    halves = halves_of(data, min(settings.images, len(data.images) // 2))
    opened = asked.taught(data) if isinstance(asked, Untaught) else asked
    check_extractor_works(opened, halves.images[0])
    wanted = {*settings.measures, *([settings.keep_best] if settings.keep_best else [])}
    names = ("kid_deviation", *wanted) if "kid" in wanted else tuple(wanted)
    first, second = (cached_features(opened, half, "the real images") for half in halves.images)
    return Meter(
        opened=opened,
        names=names,
        halves=halves,
        features=first,
        real=measure_some(first, second, names, seed=SEED),
    )
