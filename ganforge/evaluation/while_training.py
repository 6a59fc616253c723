"""Measures while a run trains, as its recipe's `[evaluation]` asks: a plugin that is told of a run like anybody's.

A measured step has a line in `metrics.jsonl`, and `ganforge_step_measured` tells the other plugins. With `keep_best`
the saved checkpoint at which that measure is lowest is called the best.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ganforge.errors import EvaluationError
from ganforge.plugins.markers import hookimpl

if TYPE_CHECKING:
    from ganforge.data.preparing import Prepared
    from ganforge.evaluation.meter import Meter
    from ganforge.recipes.schema import Recipe
    from ganforge.training.run import Run


class _WhileTraining:
    """What the run in progress is measured with; nothing, where its recipe asks for none."""

    def __init__(self) -> None:
        self.meter: Meter | None = None

    @hookimpl
    def ganforge_run_planned(self, recipe: "Recipe", data: "Prepared") -> None:
        """Open the extractor and take the features of the real images: what cannot be measured is refused here."""
        self.meter = None
        if recipe.evaluate_every is not None:
            from ganforge.evaluation.meter import open_meter

            self.meter = open_meter(recipe.evaluation, data)

    @hookimpl
    def ganforge_run_started(self, run: "Run") -> None:
        """Forget what a killed process measured after its last checkpoint: it will be measured again."""
        if self.meter is not None:
            from ganforge.evaluation import metrics_file

            metrics_file.cut(run.folder, run.start)
            _name_best(run)

    @hookimpl
    def ganforge_step_finished(self, run: "Run", step: int, scalars: Mapping[str, float] | None) -> None:
        """Measure every so many steps, and after the last."""
        every = run.recipe.evaluate_every
        if self.meter is None or every is None or (step % every and step != run.stop):
            return
        from ganforge.evaluation import metrics_file

        try:
            found = self.meter.measured(run.model, step)
        except EvaluationError as error:  # all images alike, as at the beginning or of a generator that has collapsed
            run.warn(f"ganforge: step {step:,} is not measured: {error}")
            return
        metrics_file.add(run.folder, found)
        run.tell("step_measured", step=step, measures=found.measures, by=found.by)

    @hookimpl
    def ganforge_checkpoint_saved(self, run: "Run", path: Path) -> None:
        """Look whether it is the best."""
        if self.meter is not None:
            _name_best(run)


def _name_best(run: "Run") -> None:
    """Say which of the checkpoints that there are is the best: of all measured as the last one was."""
    from ganforge.evaluation import metrics_file
    from ganforge.training import checkpoint
    from ganforge.training.best_checkpoint import Best, write_best
    from ganforge.training.run_folder import CHECKPOINTS

    measure = run.recipe.evaluation.keep_best
    lines = metrics_file.read(run.folder)
    if measure is None or not lines:
        return
    saved = {checkpoint.step_of(path) for path in checkpoint.checkpoints(run.folder / CHECKPOINTS)}
    found = [
        Best(step=line.step, measure=measure, value=line.measures[measure])
        for line in lines
        if line.step in saved
        and measure in line.measures
        and (line.fingerprint, line.images) == (lines[-1].fingerprint, lines[-1].images)
    ]
    if found:
        write_best(run.folder, min(found, key=lambda best: best.value))


_observer = _WhileTraining()
ganforge_run_planned = _observer.ganforge_run_planned
ganforge_run_started = _observer.ganforge_run_started
ganforge_step_finished = _observer.ganforge_step_finished
ganforge_checkpoint_saved = _observer.ganforge_checkpoint_saved
