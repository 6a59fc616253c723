"""Rows asked of the disk are there when they are looked at, and the loop asks for those of the next step alone."""

import os
import sys
import time
from mmap import mmap
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeSession, fed_from, tiny_gan
from loops import Told, schedule

from ganforge.data import prefetch
from ganforge.spec.protocol import Player
from ganforge.training import batches
from ganforge.training.batches import Batches, draw_step
from ganforge.training.loop import train_steps

ROWS, WIDTH, OFFSET = 4000, 5000, 128
WANTED = np.array([3999, 0, 17, 1234, 2500, 17])
VALUES = np.arange(ROWS, dtype=np.uint16)[:, None] * np.ones((1, WIDTH // 2), np.uint16)


def mapped(folder: Path) -> np.ndarray:
    path = folder / "rows"
    with path.open("wb") as file:
        file.write(bytes(OFFSET) + VALUES.tobytes())
        file.flush()
        os.fsync(file.fileno())
    return prefetch.map_rows(path, np.uint16, VALUES.shape, offset=OFFSET)


def evict(rows: np.ndarray, path: Path) -> None:
    """Out of memory with it, as if another program had needed the room."""
    from mmap import MADV_DONTNEED

    assert isinstance(rows.base, mmap)
    rows.base.madvise(MADV_DONTNEED)
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def waits(rows: np.ndarray) -> int:
    """How often taking the wanted rows had to wait for the disk."""
    import resource

    before = resource.getrusage(resource.RUSAGE_THREAD).ru_majflt
    np.testing.assert_array_equal(rows[WANTED][:, -1], WANTED)
    return resource.getrusage(resource.RUSAGE_THREAD).ru_majflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="tells of the disk by what Linux counts")
def test_rows_that_were_asked_for_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "WHOLE", 0)
    rows = mapped(tmp_path)
    evict(rows, tmp_path / "rows")
    if not waits(rows):
        pytest.skip("files of this folder are never out of memory")
    pause = 0.01
    while True:  # a busy disk may take its time
        evict(rows, tmp_path / "rows")
        prefetch.ask(rows, WANTED)
        time.sleep(pause)
        if not waits(rows):
            break
        pause *= 2
        assert pause < 5, "asked for, yet waited for"


@pytest.mark.skipif(sys.platform != "linux", reason="tells of the disk by what Linux counts")
def test_a_row_brings_no_others_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system reads by itself around a page, up to megabytes, made random rows hundreds of times slower."""
    monkeypatch.setattr(prefetch, "WHOLE", 0)
    rows = mapped(tmp_path)
    evict(rows, tmp_path / "rows")
    found = waits(rows)
    if not found:
        pytest.skip("files of this folder are never out of memory")
    assert found >= len(set(WANTED.tolist()))


def test_what_to_ask_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not prefetch.asks(mapped(tmp_path)), "a small one is asked for whole, once"
    monkeypatch.setattr(prefetch, "WHOLE", 0)
    rows = mapped(tmp_path)
    assert prefetch.asks(rows) == (sys.platform != "win32")
    assert not prefetch.asks(VALUES) and not prefetch.asks(rows[WANTED])
    prefetch.ask(VALUES, WANTED)  # nothing to do
    np.testing.assert_array_equal(rows, VALUES)
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 1


def test_the_loop_asks_for_what_the_next_step_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    monkeypatch.setattr(batches, "asks", lambda images: True)
    monkeypatch.setattr(batches, "ask", lambda images, rows: asked.append(rows.tolist()))
    images = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    gan = tiny_gan(discriminator=Player(updates=2))
    train_steps(
        FakeSession(gan, dict(gan.initial_state(0))), fed_from(gan, images, seed=5), schedule(9, start=3), Told()
    )
    taken = [
        update.images[:, 0, 0, 0].tolist()
        for step in range(4, 9)  # the first is drawn at once, and there is none after the last
        for update in draw_step(Batches(gan=gan, images=images, labels=None, seed=5), step).discriminator
    ]
    assert asked == taken
