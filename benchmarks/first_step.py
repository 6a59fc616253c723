"""How long and how much memory each recipe takes from the command to its first step, at full width.

    python benchmarks/first_step.py [--recipes digits,frogs] [--backends torch,tensorflow] [--data frogs=PATH]
        [--json FILE]

Each runs `ganforge train --recipe NAME --backend BACKEND --steps 1` in a process of its own and with an empty cache, so
the figures include starting Python, importing the framework, preparing the images and building the networks. Where no
data is given for a recipe, it gets a folder of noise of its size, one batch of it, in ten classes if it needs labels.
Printed: seconds until the step is in the journal, seconds until the command has ended (a sample grid and a checkpoint
later), processor seconds of all that, and the largest resident memory of the process. Exit code 1 if a first step takes
more than 60 s or 4 GiB.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

import ganforge
from ganforge.plugins.host import default_host
from ganforge.recipes.schema import Recipe, RecipeEntry
from ganforge.training.observers import journal

SECONDS, GIBIBYTES = 60.0, 4.0
CLASSES = 10
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
_LOOK = 0.05  # seconds between two looks into the journal


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one command took."""

    recipe: str
    backend: str
    first_step: float | None
    """Seconds; None if there was none."""
    whole: float
    """Seconds."""
    processor: float
    """Seconds of a processor that the whole command took: what counts on a busy machine."""
    memory: float
    """GiB."""
    exit_code: int

    @property
    def holds(self) -> bool:
        """Whether it did its step within the limits."""
        if self.first_step is None or self.exit_code:
            return False
        return self.first_step <= SECONDS and self.memory <= GIBIBYTES


def measure(recipe: Recipe, backend: str, data: list[str], scratch: Path) -> Figures:
    """The first step of `recipe`; its words go to a file, which is shown if it fails."""
    run, words = scratch / "run", scratch / "words"
    command = [sys.executable, "-m", "ganforge", "train", "--recipe", recipe.name, "--backend", backend]
    command += ["--steps", "1", "--out", str(run), *data]
    begun, first = time.perf_counter(), None
    with words.open("wb") as file:
        started = subprocess.Popen(
            command, stdout=file, stderr=file, env=os.environ | {"GANFORGE_CACHE": str(scratch / "cache")}
        )
    while True:
        ended, status, used = os.wait4(started.pid, os.WNOHANG)
        if first is None and (run / journal.NAME).is_file():
            first = round(time.perf_counter() - begun, 1)
        if ended:
            break
        time.sleep(_LOOK)
    exit_code = os.waitstatus_to_exitcode(status)
    if exit_code:
        print(words.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
    return Figures(
        recipe=recipe.name,
        backend=backend,
        first_step=first,
        whole=round(time.perf_counter() - begun, 1),
        processor=round(used.ru_utime + used.ru_stime, 1),
        memory=round(used.ru_maxrss * _UNIT / 2**30, 2),
        exit_code=exit_code,
    )


def noise(recipe: Recipe, folder: Path) -> list[str]:
    """Arguments for a folder with a batch of noise, as large as the recipe's images; none for the built-in digits."""
    if recipe.data.set == "digits":
        return []
    shape = (*recipe.size, recipe.channels or 3)
    updates = recipe.training.discriminator.updates
    for number in range(recipe.training.batch_size * updates):
        pixels = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
        place = folder / str(number % CLASSES) if recipe.conditional else folder
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.squeeze()).save(place / f"{number}.png")
    return ["--dataset", "folder", "--data", str(folder)]


def shipped() -> list[str]:
    """Names of the recipes that come with ganforge."""
    entries = default_host().entries("ganforge_recipes", RecipeEntry)
    return sorted(name for name, each in entries.items() if each.plugin == "ganforge.plugins.builtin")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", help="Names, with commas. [default: all that come with ganforge]")
    parser.add_argument("--backends", default="torch,tensorflow,jax")
    parser.add_argument("--data", action="append", default=[], metavar="RECIPE=PATH")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    given = dict(each.split("=", 1) for each in options.data)
    found = []
    print(
        f"{'recipe':12} {'backend':12} {'first step, s':>13} {'whole, s':>9} {'processor, s':>13} {'memory, GiB':>12}"
    )
    for name in options.recipes.split(",") if options.recipes else shipped():
        for backend in options.backends.split(","):
            recipe = ganforge.load_recipe(name)
            with TemporaryDirectory() as scratch:
                folder = Path(scratch)
                data = ["--data", given[name]] if name in given else noise(recipe, folder / "noise")
                figures = measure(recipe, backend, data, folder)
            found.append(figures)
            verdict = "" if figures.holds else "  failed" if figures.exit_code else "  too much"
            line = f"{name:12} {backend:12} {figures.first_step or 0:13.1f} {figures.whole:9.1f} "
            line += f"{figures.processor:13.1f} {figures.memory:12.2f}"
            print(line + verdict, flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if all(each.holds for each in found) else 1)


if __name__ == "__main__":
    main()
