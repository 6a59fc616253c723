"""An experiment made ready for comparing backends: its initial state, and what its steps are fed."""

from dataclasses import dataclass

import msgspec

from ganforge.backend.contract import BackendEntry, StepInputs
from ganforge.data.contract import DatasetEntry
from ganforge.errors import PluginError
from ganforge.plugins.host import Host
from ganforge.recipes.schema import DataSettings, Recipe
from ganforge.spec.arrays import State
from ganforge.training.backends import find_backend, pinned
from ganforge.training.batches import draw_step
from ganforge.training.experiment import Experiment, decoded, resolve

STAND_IN = "digits"
"""The data set that stands in for one that lies nowhere."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An experiment to compare backends on."""

    experiment: Experiment
    state: State
    """Initial, float64."""

    def inputs(self, step: int) -> StepInputs:
        """What step `step`, counted from 0, is fed."""
        return draw_step(self.experiment.batches, step)


def trial(recipe: Recipe, host: Host) -> Trial:
    """The trial of a recipe, on its own data set or, where that lies nowhere, on the handwritten digits."""
    entry = host.find("ganforge_datasets", DatasetEntry, recipe.data.set, "data set")
    if entry.needs_path and recipe.data.path is None:
        recipe = msgspec.structs.replace(recipe, data=DataSettings(set=STAND_IN), channels=recipe.channels or 3)
    experiment = decoded(resolve(recipe, host))
    return Trial(experiment=experiment, state=experiment.gan.initial_state(recipe.run.seed))


def find_backends(names: list[str], host: Host, device: str = "cpu") -> list[BackendEntry]:
    """At least two backends by name, all installed, on one device; what has the processor alone stays there.

    Raises:
        PluginError: fewer than two different names, an unknown one, one whose framework is missing, or sees no such
            device.
    """
    if len(set(names)) < 2 or len(set(names)) != len(names):
        raise PluginError(
            f"parity compares two or more different backends, as torch,tensorflow, not {','.join(names)!r}"
        )
    return [pinned(find_backend(name, host), device) for name in names]
