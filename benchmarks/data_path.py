"""What the data path costs: decoding images, starting from the cache, taking batches from memory and from the disk.

    python benchmarks/data_path.py [--mnist FOLDER] [--images FOLDER]

`--mnist`: the folder of MNIST's four IDX files. `--images`: a folder of images, decoded by one thread, by one for
each core and by as many processes, in turn; ratios are medians of turns, so that a busy machine matters little. Batches
are of 64 images of 64x64x3 in random order. From the disk: 30,000 of them, thrown out of memory before every step, a
step being 50 ms in which nothing is computed. Everything is made in a temporary folder and removed again.
"""

import argparse
import mmap
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ganforge_mnist import Options, open_mnist

from ganforge.data.folders import ImageFolder, list_images
from ganforge.data.prefetch import WHOLE, ask, map_rows
from ganforge.data.preparing import prepare
from ganforge.data.resizing import fit_image

BATCH, BATCHES = 64, 2_000
SHAPE = (64, 64, 3)
COLD, COLD_STEPS, STEP = 30_000, 40, 0.05
TURNS, TOGETHER = 7, 16


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
        print(f"MNIST, 70,000 images to {size}x{size}: opened in {opened - started:.2f} s", end=", ")
        print(f"prepared in {done - opened:.2f} s, from the cache in {again - done:.3f} s")


def decode(image_set: ImageFolder, indices: range) -> int:
    return sum(fit_image(image_set.read(index), SHAPE).nbytes > 0 for index in indices)


def measure_decoding(folder: Path) -> None:
    image_set = ImageFolder(root=folder, files=list_images(folder)[:1000])
    parts = [range(at, min(at + TOGETHER, len(image_set))) for at in range(0, len(image_set), TOGETHER)]
    cores = os.cpu_count() or 1

    def seconds(pool: Executor) -> float:
        started = time.perf_counter()
        assert sum(pool.map(decode, [image_set] * len(parts), parts)) == len(image_set)
        return time.perf_counter() - started

    with (
        ThreadPoolExecutor(1) as one,
        ThreadPoolExecutor(cores) as threads,
        ProcessPoolExecutor(cores, mp_context=get_context("forkserver")) as processes,
    ):
        seconds(processes)  # they import what they need
        turns = np.array([[seconds(pool) for pool in (one, threads, processes)] for _ in range(TURNS)])
    gains = np.median(turns[:, :1] / turns, axis=0)
    print(f"{folder}: {len(image_set) / np.median(turns[:, 0]):,.0f} images/s by one thread", end=", ")
    print(f"{gains[1]:.2f} times that by {cores} threads, {gains[2]:.2f} times by {cores} processes")


def noise(path: Path, count: int) -> None:
    with path.open("wb") as file:
        for seed in range(count // 1000):
            file.write(np.random.default_rng(seed).integers(0, 256, (1000, *SHAPE), np.uint8).tobytes())
        file.flush()
        os.fsync(file.fileno())


def orders(count: int, batches: int) -> Iterator[np.ndarray]:
    yield from np.random.default_rng(0).integers(0, count, (batches, BATCH))


def measure_batches(path: Path) -> None:
    images = map_rows(path, np.uint8, (COLD, *SHAPE), offset=0)
    for indices in orders(COLD, BATCHES):
        images[indices]
    started = time.perf_counter()
    for indices in orders(COLD, BATCHES):
        images[indices]
    seconds = time.perf_counter() - started
    print(f"from memory: {BATCHES * BATCH / seconds:,.0f} images/s, {seconds / BATCHES * 1e6:.0f} us a batch", end=", ")
    started = time.perf_counter()
    for indices in orders(COLD, BATCHES):
        ask(images, indices)
    print(f"{(time.perf_counter() - started) / BATCHES * 1e6:.0f} us to ask for one")


def measure_disk(path: Path) -> None:
    shape = (COLD, *SHAPE)
    assert np.prod(shape) > WHOLE
    file = path.open("rb")
    plain = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    ours = map_rows(path, np.uint8, shape, offset=0)
    ways: dict[str, tuple[np.ndarray, Callable[[np.ndarray], None]]] = {
        "a memory map as it is": (np.ndarray(shape, np.uint8, buffer=plain), lambda indices: None),
        "told that rows are random": (ours, lambda indices: None),
        "and asked a step ahead": (ours, lambda indices: ask(ours, indices)),
    }
    for way, (images, asked) in ways.items():
        waited = []
        for indices in orders(COLD, COLD_STEPS):
            assert isinstance(images.base, mmap.mmap)
            images.base.madvise(mmap.MADV_DONTNEED)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            asked(indices)
            time.sleep(STEP)
            started = time.perf_counter()
            images[indices]
            waited.append(time.perf_counter() - started)
        print(f"from the disk, {way}: {np.median(waited) * 1e3:.1f} ms that a step waits for its batch", flush=True)
    file.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, help="folder with MNIST's four IDX files")
    parser.add_argument("--images", type=Path, action="append", default=[], help="a folder of images")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.mnist is not None:
            measure_mnist(options.mnist, folder)
        for pictures in options.pictures:
            measure_decoding(pictures)
        noise(folder / "noise", COLD)
        measure_batches(folder / "noise")
        measure_disk(folder / "noise")


if __name__ == "__main__":
    main()
