"""What the data path costs: preparing MNIST, starting from the cache, taking batches.

    python benchmarks/data_path.py PATH_TO_MNIST

The folder holds MNIST's four IDX files. Everything is made in a temporary folder and removed again. Batches are
measured on synthetic pictures of 64x64x3, in random order, by one thread, with the pages of the map already in memory.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ganforge_mnist import Options, open_mnist

from ganforge.dataset import Pixels
from ganforge.pipeline import Prepared, prepare

BATCH = 64
BATCHES = 2_000


class Synthetic:
    """20,000 different pictures of noise, 64x64x3."""

    fingerprint = "synthetic 64x64x3"
    class_names = ()

    def __len__(self) -> int:
        return 20_000

    def label(self, index: int) -> int:
        raise NotImplementedError

    def where(self, index: int) -> str:
        return f"synthetic {index}"

    def read(self, index: int) -> Pixels:
        return np.random.default_rng(index).integers(0, 256, (64, 64, 3), np.uint8)


def measure_mnist(folder: Path, cache: Path) -> None:
    for size in (28, 32):
        started = time.perf_counter()
        image_set = open_mnist(folder, Options(split="both"))
        opened = time.perf_counter()
        first = prepare(image_set, name="mnist", shape=(size, size, 1), cache=cache)
        done = time.perf_counter()
        second = prepare(image_set, name="mnist", shape=(size, size, 1), cache=cache)
        again = time.perf_counter()
        assert second.from_cache and len(first.images) == len(second.images) == 70_000
        print(f"MNIST, 70,000 pictures to {size}x{size}: opened in {opened - started:.2f} s", end=", ")
        print(f"prepared in {done - opened:.2f} s, from the cache in {again - done:.3f} s")


def images_per_second(prepared: Prepared) -> float:
    order = np.random.default_rng(0).integers(0, len(prepared.images), (BATCHES, BATCH))
    for indices in order[:400]:
        prepared.images[indices]
    started = time.perf_counter()
    for indices in order:
        prepared.images[indices]
    return BATCHES * BATCH / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", type=Path, help="folder with MNIST's four IDX files")
    folder = parser.parse_args().mnist
    with TemporaryDirectory() as temporary:
        measure_mnist(folder, Path(temporary))
        prepared = prepare(Synthetic(), name="synthetic", shape=(64, 64, 3), cache=Path(temporary))
        print(f"batches of {BATCH} pictures of 64x64x3: {images_per_second(prepared):,.0f} pictures/s")


if __name__ == "__main__":
    main()
