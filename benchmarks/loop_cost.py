"""What a step costs outside the backend: drawing its inputs, asking for the next, telling the plugins.

    python benchmarks/loop_cost.py [--recipe digits] [--backend torch] [--steps 300]

A real run of the recipe on synthetic images, with the recipe's own journal and progress, whose session is timed from
within; checkpoints and sample grids are scheduled beyond the end and not counted. Printed: milliseconds a step inside
and outside of the session, medians of the wall clock; the mean of processor time outside, which a busy machine changes
little and in which nothing rare is left out; and the share of the step that this is.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter, thread_time

import numpy as np

import ganforge
from ganforge.backend.contract import Scalars, Session, StepInputs
from ganforge.plugins.host import default_host
from ganforge.recipes.completing import complete
from ganforge.recipes.schema import Recipe
from ganforge.training.backends import choose_backend
from ganforge.training.experiment import decoded, resolve_networks
from ganforge.training.models import open_model
from ganforge.training.run import Run
from ganforge.training.train_run import train_run

WARM = 5
COUNT, CLASSES = 2000, 10


@dataclass
class Timed:
    """A session that notes when its steps begin and end."""

    session: Session
    wall: list[tuple[float, float]] = field(default_factory=list)
    cpu: list[tuple[float, float]] = field(default_factory=list)
    """Of the thread that trains."""

    def step(self, inputs: StepInputs) -> Scalars:
        wall, cpu = perf_counter(), thread_time()
        scalars = {name: float(value) for name, value in self.session.step(inputs).items()}
        self.wall.append((wall, perf_counter()))
        self.cpu.append((cpu, thread_time()))
        return scalars

    def __getattr__(self, name: str) -> object:
        return getattr(self.session, name)


@dataclass
class Noise:
    """Images of noise in the shape of a recipe's, in ten classes where it wants some."""

    recipe: Recipe
    fingerprint = "noise"

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(CLASSES))) if self.recipe.conditional else ()

    def __len__(self) -> int:
        return COUNT

    def label(self, index: int) -> int:
        return index % CLASSES

    def where(self, index: int) -> str:
        return f"image {index}"

    def read(self, index: int) -> np.ndarray:
        shape = (*self.recipe.size, self.recipe.channels or 3)
        return np.random.default_rng(index).integers(0, 256, shape, dtype=np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()

    run = {"sample_every": 10**9, "checkpoint_every": 10**9, "steps": options.steps + WARM, "backend": options.backend}
    noise = Noise(ganforge.load_recipe(options.recipe, overrides={"run": run}))
    host = default_host()
    completed = complete(noise.recipe, noise.recipe.channels or 3, noise.class_names)
    experiment = resolve_networks(completed, host, choose_backend(completed, host))
    experiment = decoded(replace(experiment, image_set=noise))
    model = open_model(experiment, experiment.gan.initial_state(0))
    timed = Timed(model.session)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(
            folder=Path(folder),
            experiment=experiment,
            model=replace(model, session=timed),
            host=host,
        )
        train_run(run)
    wall, cpu = np.array(timed.wall[WARM:]), np.array(timed.cpu[WARM:])
    inside = float(np.median(wall[:, 1] - wall[:, 0]))
    outside = float(np.median(wall[1:, 0] - wall[:-1, 1]))
    processor = float(np.mean(cpu[1:, 0] - cpu[:-1, 1]))
    figures = {
        "inside": inside * 1e3,
        "outside": outside * 1e3,
        "outside, processor": processor * 1e3,
        "share outside": processor / (inside + processor),
    }
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
