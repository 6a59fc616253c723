"""What the core allocates does not grow with the steps nor with the number of images."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeSession, fed_from, tiny_gan
from loops import Told, schedule

from ganforge.data import prefetch
from ganforge.data.preparing import Prepared
from ganforge.training.batches import batch_indices
from ganforge.training.experiment import images_hash
from ganforge.training.loop import train_steps

HEADER = 128
MIB = 1 << 20


def sparse(folder: Path, name: str, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros that take no room on the disk."""
    path = folder / f"{name}-{shape[0]}"
    with path.open("wb") as file:
        file.truncate(HEADER + int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return prefetch.map_rows(path, dtype, shape, offset=HEADER)


def peak(work: Callable[[], Any]) -> int:
    """Most bytes that were allocated at a time, beyond what there was before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


class Forgetful(FakeSession):
    """Keeps nothing of what it was fed."""

    def step(self, inputs: Any) -> Any:
        scalars = super().step(inputs)
        self.fed.clear()
        self.calls.clear()
        return scalars


class Silent(Told):
    """Writes nothing down."""

    def step_finished(self, step: int, scalars: Any) -> None:
        pass

    def epoch_finished(self, epoch: int, means: Any, steps: int) -> None:
        pass

    def save(self, step: int, scalars: Any) -> None:
        pass


def steps(images: np.ndarray, count: int) -> int:
    gan = tiny_gan()
    session = Forgetful(gan, dict(gan.initial_state(0)))
    return peak(lambda: train_steps(session, fed_from(gan, images), schedule(count), Silent()))


def test_flat_over_steps(tmp_path: Path) -> None:
    images = sparse(tmp_path, "images", np.uint8, (100, 2, 2, 1))
    few = steps(images, 200)  # eight epochs, so that what is kept of the last few has been made
    assert steps(images, 2000) - few < MIB // 8  # Python keeps some thousands of small tuples by itself


def test_flat_from_a_thousand_to_a_million_images(tmp_path: Path) -> None:
    """Of 64x64x3, 12 GB of them; the batches are read from the same map as in a run."""
    few, many = (sparse(tmp_path, "images", np.uint8, (count, 64, 64, 3)) for count in (1_000, 1_000_000))
    assert many.nbytes > 12e9 and prefetch.asks(many) and not prefetch.asks(few)
    steps(few, 50)
    assert steps(many, 200) - steps(few, 200) < MIB // 2  # a block of the shuffle, and tables of its square root


def test_telling_a_set_from_another_takes_no_copy_of_its_labels(tmp_path: Path) -> None:
    labels = sparse(tmp_path, "labels", np.int64, (1_000_000,))
    data = Prepared(
        images=sparse(tmp_path, "images", np.uint8, (1_000_000, 2, 2, 1)),
        labels=labels,
        class_names=("a",),
        skipped=(),
        from_cache=True,
    )
    assert peak(lambda: images_hash(data)) < MIB // 4 < labels.nbytes


@pytest.mark.parametrize("number", [0, 77_777, 156_249])
def test_a_batch_of_ten_million_shuffled_images(number: int) -> None:
    """No permutation is held, anywhere in the epoch."""

    def batch() -> None:
        found = batch_indices(10_000_000, 64, number, seed=number, shuffled=True)
        assert len(set(found.tolist())) == 64 and found.max() < 10_000_000

    assert peak(batch) < 2 * MIB
