"""What a step costs outside the backend: drawing its inputs, asking for the next, telling the plugins.

    python benchmarks/loop_cost.py [--recipe digits] [--backend torch] [--steps 300]

A real run of the recipe on synthetic pictures, with the recipe's own journal and progress, whose session is timed from
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

from ganforge.backend.contract import Scalars, Session, StepInputs
from ganforge.recipes.schema import Recipe
from ganforge.training import api
from ganforge.training.running import train_run

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
    """Pictures of noise in the shape of a recipe's, in ten classes where it wants some."""

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
        return f"picture {index}"

    def read(self, index: int) -> np.ndarray:
        shape = (*self.recipe.size, self.recipe.channels or 3)
        return np.random.default_rng(index).integers(0, 256, shape, dtype=np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()

    beyond = {"sample_every": 10**9, "checkpoint_every": 10**9}
    noise = Noise(api.load_recipe(options.recipe, overrides={"run": beyond | {"backend": options.backend}}))
    resolved = api.resolve_recipe(noise.recipe, noise)
    model = api.build(resolved, backend=options.backend)
    timed = Timed(model.session)
    with tempfile.TemporaryDirectory() as folder:
        run = api.Run(
            folder=Path(folder),
            recipe=model.recipe,
            model=replace(model, session=timed),
            data=api.prepared(model.recipe, noise),
            host=api.default_host(),
            stop=options.steps + WARM,
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
