"""What a step costs outside the backend: drawing its inputs, reading its batch, telling the plugins.

    python benchmarks/loop_cost.py [--recipe dcgan] [--backend torch] [--steps 10]

A real run of the recipe on synthetic pictures, journal and progress included, whose session is timed from within.
Printed: seconds a step inside and outside of the session, and the share outside. Checkpoints and sample grids are
scheduled beyond the end and not counted.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

from ganforge import api
from ganforge.backend import Scalars, Session, StepInputs
from ganforge.batches import draw_step
from ganforge.dataset import ImageSet


class Timed:
    """A session that keeps the time spent in its steps."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.seconds: list[float] = []

    def step(self, inputs: StepInputs) -> Scalars:
        begun = perf_counter()
        scalars = {name: float(value) for name, value in self.session.step(inputs).items()}
        self.seconds.append(perf_counter() - begun)
        return scalars

    def __getattr__(self, name: str) -> object:
        return getattr(self.session, name)


class Noise:
    """Pictures of noise."""

    fingerprint, class_names = "noise", ()

    def __len__(self) -> int:
        return 2000

    def label(self, index: int) -> int:
        return 0

    def where(self, index: int) -> str:
        return f"picture {index}"

    def read(self, index: int) -> np.ndarray:
        return np.random.default_rng(index).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="dcgan")
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()

    noise: ImageSet = Noise()
    recipe = api.describe(options.recipe, overrides={"channels": 3, "conditional": False, "run": {"log_every": 1}})
    model = api.build(recipe, backend=options.backend)
    timed = Timed(model.session)
    with tempfile.TemporaryDirectory() as folder:
        run = api.Run(
            folder=Path(folder),
            recipe=model.recipe,
            model=replace(model, session=timed),
            data=api.prepared(model.recipe, noise),
            host=api.host(),
            stop=10**9,
        )
        run.host.event("ganforge_run_started", run=run)
        starts: list[float] = []
        for step in range(options.steps + 2):
            starts.append(perf_counter())
            scalars = timed.step(draw_step(model.gan, run.data.images, None, seed=0, step=step))
            run.step_finished(step + 1, {name: float(value) for name, value in scalars.items()})
        starts.append(perf_counter())
    whole, inside = np.median(np.diff(starts)[2:]), np.median(timed.seconds[2:])
    print(
        json.dumps({"inside": inside, "outside": whole - inside, "share outside": (whole - inside) / whole}, indent=2)
    )


if __name__ == "__main__":
    main()
