"""Preparing an image set: cache, bad images, what others leave there."""

import errno
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path

import msgspec
import numpy as np
import pytest
from filelock import FileLock

from ganforge.data.cache import RowFile, default_cache
from ganforge.data.contract import ImageSet, Pixels
from ganforge.data.preparing import Prepared, Skipped, image_channels, prepare
from ganforge.data.resizing_settings import Resizing
from ganforge.errors import DataError, PluginError

SHAPE = (8, 8, 1)


@dataclass(kw_only=True)
class Counting:
    """Images whose pixels are their number; those in `bad` cannot be read."""

    count: int = 600
    class_names: Sequence[str] = ("even", "odd")
    bad: frozenset[int] = frozenset()
    fingerprint: str = "counting"
    reads: int = 0
    before_read: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return self.count

    def label(self, index: int) -> int:
        assert self.class_names, "an unlabelled set is never asked"
        return index % 2

    def where(self, index: int) -> str:
        return f"image {index}"

    def read(self, index: int) -> Pixels:
        self.reads += 1
        self.before_read()
        if index in self.bad:
            raise DataError(f"image {index}: torn")
        return np.full((10, 12, 1), index % 251, np.uint8)


def made(image_set: ImageSet, cache: Path, **options: object) -> Prepared:
    return prepare(image_set, name="counting", shape=SHAPE, cache=cache, **options)  # type: ignore[arg-type]


def entry(cache: Path) -> Path:
    (folder,) = cache.iterdir()
    return folder


def test_all_images_in_order_with_their_labels(tmp_path: Path) -> None:
    prepared = made(Counting(), tmp_path)
    assert prepared.images.shape == (600, *SHAPE) and prepared.images.dtype == np.uint8
    np.testing.assert_array_equal(prepared.images[:, 3, 3, 0], np.arange(600) % 251)
    assert prepared.labels is not None and prepared.labels.dtype == np.int64
    np.testing.assert_array_equal(prepared.labels, np.arange(600) % 2)
    assert prepared.class_names == ("even", "odd") and prepared.skipped == () and not prepared.from_cache


def test_images_are_a_read_only_map(tmp_path: Path) -> None:
    prepared = made(Counting(), tmp_path)
    assert isinstance(prepared.images.base, mmap) and type(prepared.images) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        prepared.images[0] = 0
    assert prepared.images[[5, 3]].flags.writeable, "a batch is a copy of its own"


def test_second_time_from_the_cache_without_a_read(tmp_path: Path) -> None:
    first = made(Counting(bad=frozenset({7})), tmp_path)
    image_set = Counting(bad=frozenset({7}))
    second = made(image_set, tmp_path)
    assert second.from_cache and image_set.reads == 0
    np.testing.assert_array_equal(first.images, second.images)
    assert second.skipped == first.skipped == (Skipped(where="image 7", reason="torn"),)


def test_what_changes_the_images_changes_the_key(tmp_path: Path) -> None:
    made(Counting(), tmp_path)
    assert not made(Counting(fingerprint="other"), tmp_path).from_cache
    assert not made(Counting(), tmp_path, resizing=Resizing(fit="pad")).from_cache
    assert not prepare(Counting(), name="counting", shape=(8, 8, 3), cache=tmp_path).from_cache
    assert not made(Counting(), tmp_path, resizing=Resizing(crop=(9, 9))).from_cache
    assert not made(Counting(), tmp_path, resizing=Resizing(crop=(9, 8))).from_cache
    for further in (
        Resizing(filter="bilinear"),
        Resizing(antialias=False),
        Resizing(crop=(9, 9), crop_rounding="even"),
        Resizing(crop=(9, 9), crop_small="keep"),
        Resizing(fit="pad", padding="white"),
    ):
        assert not made(Counting(), tmp_path, resizing=further).from_cache
    assert len(list(tmp_path.iterdir())) == 11


def test_settings_that_are_newer_than_a_cache_leave_its_keys_alone(tmp_path: Path) -> None:
    """As computed before there were filters."""
    made(Counting(), tmp_path, resizing=Resizing(fit="pad", crop=(9, 8)))
    old = hashlib.sha256(json.dumps([1, "counting", [8, 8, 1], "pad", [9, 8]], separators=(",", ":")).encode())
    assert entry(tmp_path).name == f"counting-{old.hexdigest()[:16]}"


def test_a_set_without_labels(tmp_path: Path) -> None:
    assert made(Counting(class_names=()), tmp_path).labels is None
    again = made(Counting(class_names=()), tmp_path)
    assert again.from_cache and again.labels is None
    assert sorted(file.name for file in entry(tmp_path).iterdir()) == ["images.npy", "meta.json"]


def test_bad_images_are_skipped_and_listed(tmp_path: Path) -> None:
    bad = frozenset({0, 299, 599})
    prepared = made(Counting(bad=bad), tmp_path, max_bad=3)
    good = [index for index in range(600) if index not in bad]
    np.testing.assert_array_equal(prepared.images[:, 0, 0, 0], np.array(good) % 251)
    np.testing.assert_array_equal(prepared.labels, np.array(good) % 2)
    assert [skipped.where for skipped in prepared.skipped] == ["image 0", "image 299", "image 599"]


def test_images_smaller_than_the_crop_are_bad_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"more than 10 of 600 .*\n  image 0: 10x12 pixels .*crop = 11x12; "):
        made(Counting(), tmp_path, resizing=Resizing(crop=(11, 12)))


def test_too_many_bad_images(tmp_path: Path) -> None:
    image_set = Counting(bad=frozenset(range(100, 105)))
    with pytest.raises(DataError, match=r"more than 4 of 600 .*\n  image 100: torn\n(.*\n)+  and 2 more\n"):
        made(image_set, tmp_path, max_bad=4)
    assert list(tmp_path.iterdir()) == [], "nothing half-made is left"


def test_the_limit_holds_for_what_is_in_the_cache(tmp_path: Path) -> None:
    image_set = Counting(bad=frozenset({1, 2}))
    made(image_set, tmp_path, max_bad=2)
    with pytest.raises(DataError, match="more than 1 of 600"):
        made(image_set, tmp_path, max_bad=1)


def test_no_good_image_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of 3 images can be used:\n  image 0: torn"):
        made(Counting(count=3, bad=frozenset({0, 1, 2})), tmp_path, max_bad=10)
    with pytest.raises(DataError, match="holds no images"):
        made(Counting(count=0), tmp_path)
    assert not list(tmp_path.iterdir())


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    made(Counting(bad=frozenset({599})), tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1] == (600, 600) and len(seen) > 1


def test_order_and_memory_hold_whatever_is_decoded_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of one image, some of them slow: the rows stay in order, and reading never runs far ahead."""
    monkeypatch.setattr("ganforge.data.preparing._CHUNK_IMAGES", 1)
    workers = os.cpu_count() or 1
    image_set = Counting(count=20 * workers + 100)
    image_set.before_read = lambda: time.sleep(0.005 if image_set.reads % 7 == 0 else 0)
    ahead: list[int] = []
    prepared = made(image_set, tmp_path, progress=lambda done, total: ahead.append(image_set.reads - done))
    np.testing.assert_array_equal(prepared.images[:, 0, 0, 0], np.arange(len(image_set)) % 251)
    assert max(ahead) <= 2 * workers + 1


def test_an_error_does_not_wait_for_what_is_queued(tmp_path: Path) -> None:
    """Ctrl-C, for one."""

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    image_set = Counting(count=20_000, before_read=lambda: time.sleep(0.0002))
    with pytest.raises(KeyboardInterrupt):
        made(image_set, tmp_path, progress=interrupt)
    reads = image_set.reads
    time.sleep(0.05)
    assert image_set.reads == reads < len(image_set), "no thread goes on behind our back"
    assert not list(tmp_path.iterdir())


def cut_short(folder: Path) -> None:
    images = folder / "images.npy"
    os.truncate(images, images.stat().st_size - 1)


def other_type(folder: Path) -> None:
    np.save(folder / "labels.npy", np.zeros(600, np.float32))


def zipped(folder: Path) -> None:
    np.savez(folder / "labels", np.zeros(600, np.int64))
    (folder / "labels.npz").replace(folder / "labels.npy")


def pickled(folder: Path) -> None:
    np.save(folder / "labels.npy", np.array([{}], object), allow_pickle=True)


@pytest.mark.parametrize(
    "damage",
    [
        cut_short,
        other_type,
        pickled,
        lambda folder: (folder / "images.npy").write_bytes(b""),
        lambda folder: (folder / "images.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': (((" + bytes(200)),
        lambda folder: np.save(folder / "labels.npy", np.full(600, 7)),
        zipped,
        lambda folder: (folder / "labels.npy").unlink(),
        lambda folder: (folder / "meta.json").unlink(),
        lambda folder: (folder / "meta.json").write_text('{"name": "counting"'),
        lambda folder: (folder / "meta.json").write_text("{}"),
    ],
)
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    made(Counting(), tmp_path)
    damage(entry(tmp_path))
    again = made(Counting(), tmp_path)
    assert not again.from_cache
    np.testing.assert_array_equal(again.images[:, 0, 0, 0], np.arange(600) % 251)
    assert made(Counting(), tmp_path).from_cache
    assert len(list(tmp_path.iterdir())) == 1, "the damaged one is gone"


def test_who_comes_second_uses_what_the_first_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no locks to make it wait for the first."""

    def no_locks(lock: FileLock) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "_acquire", no_locks)
    once = threading.Lock()
    faster: list[int] = []

    def somebody_is_faster() -> None:
        if once.acquire(blocking=False):
            made(Counting(), tmp_path)
            faster.extend(folder.stat().st_ino for folder in tmp_path.glob("counting-*"))

    slow = made(Counting(before_read=somebody_is_faster), tmp_path)
    np.testing.assert_array_equal(slow.images[:, 0, 0, 0], np.arange(600) % 251)
    assert [entry(tmp_path).stat().st_ino] == faster


def test_what_a_killed_process_left_is_no_entry_and_is_swept(tmp_path: Path) -> None:
    made(Counting(), tmp_path)
    abandoned, fresh, foreign = (tmp_path / name for name in (".ganforge-making-a", ".ganforge-making-b", ".mine-c"))
    shutil.move(entry(tmp_path), abandoned)
    fresh.mkdir()
    foreign.mkdir()
    for folder in (abandoned, foreign):
        os.utime(folder, (time.time() - 1e6,) * 2)
    assert not made(Counting(), tmp_path).from_cache
    assert not abandoned.exists() and fresh.exists() and foreign.exists()


def test_a_breach_of_the_contract_is_the_plugins_fault(tmp_path: Path) -> None:
    image_set = Counting()
    image_set.read = lambda index: np.zeros((4, 4), np.uint8)  # type: ignore[method-assign]
    with pytest.raises(PluginError, match=r"image 0: .*uint8 \(4, 4\)"):
        made(image_set, tmp_path)
    with pytest.raises(PluginError, match=r"image 1: .*label 1, but there are 1 classes"):
        made(Counting(class_names=("only",)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_impossible_shape(tmp_path: Path) -> None:
    for shape in ((0, 8, 1), (8, 8, 2)):
        with pytest.raises(DataError, match="cannot be made"):
            prepare(Counting(), name="counting", shape=shape, cache=tmp_path)
    with pytest.raises(DataError, match="cannot be cut out"):
        made(Counting(), tmp_path, resizing=Resizing(crop=(0, 4)))


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"cannot be written.*GANFORGE_CACHE"):
        made(Counting(), tmp_path / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_an_error_and_not_a_crash() -> None:
    rows = RowFile(Path("/dev/full"), np.uint8, SHAPE)
    with pytest.raises(DataError, match="No space left"):
        rows.append(np.zeros((100_000, *SHAPE), np.uint8))
    rows.close()


def test_default_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "named"))
    prepare(Counting(), name="counting", shape=SHAPE)
    assert entry(tmp_path / "named").name.startswith("counting-")
    monkeypatch.delenv("GANFORGE_CACHE")
    assert default_cache().name == "ganforge"


def test_meta_says_what_it_is(tmp_path: Path) -> None:
    made(Counting(bad=frozenset({3})), tmp_path)
    meta = json.loads((entry(tmp_path) / "meta.json").read_text())
    assert meta == {
        "name": "counting",
        "shape": [8, 8, 1],
        "resizing": msgspec.to_builtins(Resizing()),
        "class_names": ["even", "odd"],
        "count": 599,
        "skipped": [{"where": "image 3", "reason": "torn"}],
    }


def test_image_channels() -> None:
    assert image_channels(Counting(bad=frozenset({0, 1}))) == 1
    with pytest.raises(DataError, match=r"(?s)none of the set's 2 images can be read:.*image 0: "):
        image_channels(Counting(count=2, bad=frozenset({0, 1})))
