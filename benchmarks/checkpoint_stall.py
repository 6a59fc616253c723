"""How long training stands still while a checkpoint is written.

    python benchmarks/checkpoint_stall.py [--recipe dcgan] [--backend torch] [--times 7]

`save_checkpoint` of the recipe at full width, three channels and averaged weights: the state is gathered, looked at for
values that are not finite, hashed, written, flushed to the disk and put in its place. Printed: what is written, median
wall and CPU seconds of one checkpoint, and the wall seconds as a share of a minute. Beside it the seconds that the disk
alone takes for as many bytes, written and flushed.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

import ganforge
from ganforge.data.preparing import Prepared
from ganforge.plugins.host import default_host
from ganforge.training.experiment import Experiment
from ganforge.training.run import Run
from ganforge.training.run_checkpoints import save_checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="dcgan")
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()

    overrides = {"channels": 3, "training": {"average": {"decay": 0.999}}}
    model = ganforge.build(options.recipe, backend=options.backend, overrides=overrides)
    pictures = Prepared(
        images=np.zeros((1, *model.gan.image_shape), np.uint8),
        labels=None,
        class_names=(),
        skipped=(),
        from_cache=False,
    )
    experiment = Experiment(recipe=model.recipe, gan=model.gan, data=pictures)
    wall, cpu, disk = [], [], []
    with tempfile.TemporaryDirectory(prefix=".stall-", dir=".") as folder:  # beside the runs: /tmp may be no disk
        run = Run(folder=Path(folder), experiment=experiment, model=model, host=default_host())
        for step in range(1, options.times + 1):
            begun, begun_cpu = perf_counter(), process_time()
            save_checkpoint(run, step, "")
            wall.append(perf_counter() - begun)
            cpu.append(process_time() - begun_cpu)
            disk.append(plain(Path(folder) / "plain", run.model.session.state()))
    size = sum(array.nbytes for array in model.session.state().values())
    print(
        json.dumps(
            {
                "recipe": options.recipe,
                "backend": options.backend,
                "megabytes": round(size / 1e6, 1),
                "seconds": round(median(wall), 3),
                "cpu_seconds": round(median(cpu), 3),
                "disk_alone_seconds": round(median(disk), 3),
                "share_of_a_minute": f"{median(wall) / 60:.2%}",
            }
        )
    )


def plain(path: Path, state: dict[str, np.ndarray]) -> float:
    """Seconds to write the same bytes without anything else."""
    begun = perf_counter()
    with path.open("wb") as file:
        for array in state.values():
            file.write(array.data)
        file.flush()
        os.fsync(file.fileno())
    return perf_counter() - begun


if __name__ == "__main__":
    main()
