"""All measures of two sets of features at once."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields

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
    return Measures(**measure_some(real, made, [each.name for each in fields(Measures)], seed=seed))


def measure_some(real: Features, made: Features, names: Collection[str], *, seed: int = 0) -> dict[str, float]:
    """Those measures that are asked for, by the names of the fields of `Measures`.

    Raises as `measure`.
    """
    real, made = check_pair(real, made, least=LEAST)
    found: dict[str, float] = {}
    for together, compute in _TOGETHER:
        if not together.isdisjoint(names):
            found |= {name: value for name, value in compute(real, made, seed).items() if name in names}
    return found


def _kernel(real: Features, made: Features, seed: int) -> dict[str, float]:
    kernel = kernel_distance(real, made, seed=seed)
    return {"kid": kernel.mean, "kid_deviation": kernel.deviation}


def _frechet(real: Features, made: Features, seed: int) -> dict[str, float]:
    return {"frechet": frechet_distance(real, made)}


def _balls(real: Features, made: Features, seed: int) -> dict[str, float]:
    return asdict(coverage(real, made))


def _mind(real: Features, made: Features, seed: int) -> dict[str, float]:
    return {"mind": mind(real, made, seed=seed)}


_TOGETHER = (
    (frozenset({"kid", "kid_deviation"}), _kernel),
    (frozenset({"frechet"}), _frechet),
    (frozenset({"precision", "recall", "density", "coverage"}), _balls),
    (frozenset({"mind"}), _mind),
)
"""What is computed together."""
