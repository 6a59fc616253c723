"""All measures of two sets of features at once."""

from dataclasses import dataclass

from ganforge.evaluation.balls import NEIGHBOURS, coverage
from ganforge.evaluation.features import Features, check_pair
from ganforge.evaluation.frechet import frechet_distance
from ganforge.evaluation.kernel import kernel_distance
from ganforge.evaluation.slices import mind

LEAST = NEIGHBOURS + 1
"""Images of either kind that all measures together need."""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """How far generated images are from real ones, in the features of one extractor."""

    kid: float
    """Kernel distance; 0 in the mean for equal distributions."""
    kid_deviation: float
    """Of a single subset."""
    frechet: float
    precision: float
    recall: float
    density: float
    coverage: float
    mind: float


def measure(real: Features, made: Features, *, seed: int = 0) -> Measures:
    """All measures of generated features against real ones, equally many.

    Raises:
        EvaluationError: fewer than `LEAST` images, or features that cannot be measured.
    """
    real, made = check_pair(real, made, least=LEAST)
    kernel = kernel_distance(real, made, seed=seed)
    balls = coverage(real, made)
    return Measures(
        kid=kernel.mean,
        kid_deviation=kernel.deviation,
        frechet=frechet_distance(real, made),
        precision=balls.precision,
        recall=balls.recall,
        density=balls.density,
        coverage=balls.coverage,
        mind=mind(real, made, seed=seed),
    )
