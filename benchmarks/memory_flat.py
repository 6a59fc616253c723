"""Whether memory and time stay flat: over steps, over numbers of images, over the size of a shuffle.

    python benchmarks/memory_flat.py [--backends torch,tensorflow] [--steps 100000] [--json FILE]

1. A real run, plugins and checkpoints included, of a GAN of a few hundred numbers: memory after 1,000, 10,000 and
   100,000 steps.
2. The same on 1,000 to 1,000,000 images of 64x64x3: memory after 300 steps, processor time to draw one. The images
   are files without contents: 12 GB by their size, nothing on the disk.
3. The order of 10,000,000 images: what a batch of 64 costs, over an epoch, and what memory it takes.

Memory is what a process holds for itself (RssAnon): pages of the images' file are the system's, which takes them back
when it needs room. Exit code 1 where it grows by more than `LIMIT`. Linux only.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np

import ganforge
from ganforge import hookimpl
from ganforge.data.prefetch import map_rows
from ganforge.data.preparing import Prepared
from ganforge.plugins.host import default_host
from ganforge.training.backends import choose_backend
from ganforge.training.batches import batch_indices, draw_step
from ganforge.training.experiment import resolve_networks
from ganforge.training.models import open_model
from ganforge.training.run import Run
from ganforge.training.train_run import train_run

LIMIT = 16 << 20
"""Bytes by which memory may grow, of what a framework and Python's own allocator keep for themselves."""
WARM = 1000
"""Steps until everything that is allocated once has been."""
HEADER = 128
SHUFFLED = 10_000_000


def private() -> int:
    """Bytes of memory that this process holds for itself."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


@dataclass
class Watch:
    """A plugin that notes memory after some steps."""

    steps: tuple[int, ...]
    found: list[int] = field(default_factory=list)

    @hookimpl
    def ganforge_step_finished(self, step: int) -> None:
        if step in self.steps:
            self.found.append(private())


def pictures(folder: Path, count: int, size: int) -> Prepared:
    """So many images, black, with labels of one class."""
    shape = (count, size, size, 3)
    for name, numbers in (("images", int(np.prod(shape))), ("labels", count * 8)):
        with (folder / name).open("wb") as file:
            file.truncate(HEADER + numbers)
    images = map_rows(folder / "images", np.uint8, shape, offset=HEADER)
    labels = map_rows(folder / "labels", np.int64, (count,), offset=HEADER)
    return Prepared(images=images, labels=labels, class_names=("black", "none"), skipped=(), from_cache=True)


def train(backend: str, count: int, size: int, notes: tuple[int, ...]) -> dict[str, Any]:
    """A run to the last of `notes`: memory at each of them, and processor time to draw a step's inputs."""
    overrides = {
        "image_size": size,
        "channels": 3,
        "conditional": True,
        "class_names": ["black", "none"],
        "architecture": {"width": 1},
        "training": {"batch_size": 8, "latent": {"size": 4}},
        "run": {"log_every": 50, "sample_every": 500, "checkpoint_every": 500, "backend": backend},
    }
    watch = Watch(notes)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        host = default_host()
        host.add("memory-flat", lambda: watch)
        recipe = ganforge.load_recipe("dcgan", overrides=overrides)
        experiment = resolve_networks(recipe, host, choose_backend(recipe, host))
        experiment = replace(experiment, data=pictures(folder, count, size), steps=notes[-1])
        model = open_model(experiment, experiment.gan.initial_state(0))
        run = Run(folder=folder / "run", experiment=experiment, model=model, host=host, quiet=True)
        run.folder.mkdir()
        train_run(run)
        begun = process_time()
        for step in range(WARM):
            draw_step(experiment.batches, step)
        drawn = (process_time() - begun) / WARM
    assert not host.failures, host.failures
    return {"memory": watch.found, "draw": drawn}


def shuffle() -> dict[str, Any]:
    """Memory and processor time of the order of `SHUFFLED` images, all batches of 64 of an epoch's hundredth."""
    batches = SHUFFLED // 64 // 100
    batch_indices(SHUFFLED, 64, 0, seed=0, shuffled=True)
    before, begun = private(), process_time()
    for number in range(batches):
        batch_indices(SHUFFLED, 64, 37 * number, seed=0, shuffled=True)
    random = (process_time() - begun) / batches
    begun = process_time()
    for number in range(batches):
        batch_indices(SHUFFLED, 64, number, seed=0, shuffled=True)
    return {"batch": (process_time() - begun) / batches, "any batch": random, "memory": private() - before}


def apart(call: str) -> Any:
    """What a function of this file gives in a process of its own."""
    code = f"import json, sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from memory_flat import *; "
    code += f"print(json.dumps({call}), file=sys.__stdout__)"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backends", default="torch,tensorflow")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    notes = (*(step for step in (WARM, 10 * WARM, 100 * WARM) if step < options.steps), options.steps)
    found: dict[str, Any] = {}
    grown = []
    for backend in options.backends.split(","):
        each = found[f"steps, {backend}"] = apart(f"train({backend!r}, 1000, 8, {notes})")
        for step, memory in zip(notes, each["memory"], strict=True):
            print(f"{backend:12} after {step:9,} steps      {memory / 2**20:8.1f} MiB", flush=True)
        grown.append(each["memory"][-1] - each["memory"][0])
    first = options.backends.split(",")[0]
    counts = (1_000, 10_000, 100_000, 1_000_000)
    found["images"] = {count: apart(f"train({first!r}, {count}, 64, (300,))") for count in counts}
    for count, each in found["images"].items():
        memory, drawn = each["memory"][-1] / 2**20, each["draw"] * 1e6
        print(f"{first:12} on {count:12,} images   {memory:8.1f} MiB, to draw a step {drawn:6.0f} us")
    grown.append(found["images"][counts[-1]]["memory"][-1] - found["images"][counts[0]]["memory"][-1])
    each = found["shuffle"] = apart("shuffle()")
    print(f"shuffle of {SHUFFLED:,}: a batch {each['batch'] * 1e6:.0f} us, one far from the last", end=" ")
    print(f"{each['any batch'] * 1e6:.0f} us, memory {each['memory'] / 2**20:.1f} MiB")
    grown.append(each["memory"])
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if max(grown) <= LIMIT else 1)


if __name__ == "__main__":
    main()
