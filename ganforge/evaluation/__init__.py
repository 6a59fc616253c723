"""How good generated images are: measures against real ones in the features of an extractor."""

from typing import TYPE_CHECKING

from ganforge._io.lazy import lazy_exports

if TYPE_CHECKING:
    from ganforge.evaluation.balls import Coverage, coverage
    from ganforge.evaluation.copies import Copies, find_copies
    from ganforge.evaluation.evaluating import evaluate
    from ganforge.evaluation.frechet import frechet_distance
    from ganforge.evaluation.kernel import KernelDistance, kernel_distance, mmd2
    from ganforge.evaluation.measures import Measures, measure
    from ganforge.evaluation.report import ClassRow, Evaluation, Report, Row
    from ganforge.evaluation.slices import mind

_HOMES = {
    "ClassRow": "report",
    "Copies": "copies",
    "Coverage": "balls",
    "Evaluation": "report",
    "KernelDistance": "kernel",
    "Measures": "measures",
    "Report": "report",
    "Row": "report",
    "coverage": "balls",
    "evaluate": "evaluating",
    "find_copies": "copies",
    "frechet_distance": "frechet",
    "kernel_distance": "kernel",
    "measure": "measures",
    "mind": "slices",
    "mmd2": "kernel",
}

__all__ = [
    "ClassRow",
    "Copies",
    "Coverage",
    "Evaluation",
    "KernelDistance",
    "Measures",
    "Report",
    "Row",
    "coverage",
    "evaluate",
    "find_copies",
    "frechet_distance",
    "kernel_distance",
    "measure",
    "mind",
    "mmd2",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
