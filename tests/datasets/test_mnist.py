"""The data set mnist and its IDX files."""

import gzip
import shutil
import struct
import tracemalloc
from pathlib import Path

import msgspec
import numpy as np
import pytest
from ganforge_mnist import Options, ganforge_datasets, open_mnist
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganforge.data.preparing import prepare
from ganforge.data.readers.idx import LIMIT_BYTES, read_idx
from ganforge.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
LABELS = (np.arange(50) % 10).astype(np.uint8)


def idx(values: np.ndarray, *, magic: int | None = None, promised: int | None = None) -> bytes:
    lengths = (len(values) if promised is None else promised, *values.shape[1:])
    return struct.pack(f">I{values.ndim}I", 2048 + values.ndim if magic is None else magic, *lengths) + values.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """50 training images, plain, and 20 test images, gzipped."""
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES[::-1][:20])))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[::-1][:20])))
    return tmp_path


def test_parts(folder: Path) -> None:
    train, test, both = (open_mnist(folder, Options(split=split)) for split in ("train", "test", "both"))
    assert (len(train), len(test), len(both)) == (50, 20, 70)
    assert len({train.fingerprint, test.fingerprint, both.fingerprint}) == 3
    np.testing.assert_array_equal(both.read(49)[..., 0], IMAGES[49])
    np.testing.assert_array_equal(both.read(50)[..., 0], IMAGES[49])
    np.testing.assert_array_equal(both.read(69)[..., 0], IMAGES[30])
    assert both.label(69) == LABELS[30] and both.class_names == tuple("0123456789")
    assert both.where(69) == "t10k-images-idx3-ubyte.gz record 19"
    with pytest.raises(IndexError):
        both.read(70)


def test_gzipped_or_not_is_the_same_set(folder: Path) -> None:
    plain = open_mnist(folder, Options()).fingerprint
    for file in list(folder.glob("train-*")):
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert open_mnist(folder, Options()).fingerprint == plain


def test_a_changed_label_is_another_set(folder: Path) -> None:
    before = open_mnist(folder, Options()).fingerprint
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[::-1].copy()))
    assert open_mnist(folder, Options()).fingerprint != before


def test_missing_files_are_named_with_where_to_get_them(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"not found, .*: train-labels-idx1-ubyte; .*ganforge data fetch mnist"):
        open_mnist(folder, Options())
    with pytest.raises(DataError, match="train-images-idx3-ubyte, train-labels-idx1-ubyte"):
        open_mnist(tmp_path_factory.mktemp("empty"), Options())
    with pytest.raises(DataError, match=r"--data PATH.*t10k-images-idx3-ubyte"):
        open_mnist(None, Options(split="test"))


def test_counts_must_agree(folder: Path) -> None:
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:49]))
    with pytest.raises(DataError, match=r"50 images, but .* 49 labels"):
        open_mnist(folder, Options())


def test_a_label_that_is_no_digit(folder: Path) -> None:
    wrong = LABELS.copy()
    wrong[7] = 10
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(wrong))
    with pytest.raises(DataError, match="record 7 has the label 10"):
        open_mnist(folder, Options())


BROKEN = {
    "wrong magic": (idx(IMAGES, magic=0x12345678), r"305419896 \(0x12345678\), not 2051"),
    "labels for images": (idx(LABELS), r"2049 \(0x00000801\), that of labels"),
    "promises more": (idx(IMAGES, promised=60_000), "promises 60,000 images, it holds 50"),
    "promises 2^42 bytes": (struct.pack(">4I", 2051, 2**32 - 1, 32, 32), "promises 4,398,046,510,080 bytes"),
    "bytes after": (idx(IMAGES) + b"x", "bytes after the 50 images"),
    "truncated gzip": (gzip.compress(idx(IMAGES))[:20_000], "cut short or damaged"),
    "damaged gzip": (gzip.compress(idx(IMAGES))[:-8] + bytes(8), "cut short or damaged"),
    "empty": (b"", "0 bytes are too few"),
    "header cut": (idx(IMAGES)[:9], "9 bytes are too few"),
    "no images": (idx(IMAGES[:0]), "no content: lengths 0 x 28 x 28"),
    "text": (b"<html>404 not found</html>", "magic number is 1013478509"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files(tmp_path: Path, case: str) -> None:
    content, message = BROKEN[case]
    file = tmp_path / "broken"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(file, axes=3)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("promised", [50, 1_000_000])
def test_a_gzip_bomb_takes_no_memory(tmp_path: Path, promised: int) -> None:
    """100 MB of zeros behind a small header, and a header that promises 784 MB before a short file."""
    file = tmp_path / "bomb.gz"
    zeros = bytes(100_000_000) if promised == 50 else bytes(784)
    file.write_bytes(gzip.compress(idx(IMAGES[:0], promised=promised) + zeros, compresslevel=1))
    del zeros
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            read_idx(file, axes=3)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=64), st.sampled_from([b"", b"\x1f\x8b", struct.pack(">I", 2051), struct.pack(">I", 2049)]))
def test_random_bytes_give_an_array_or_a_data_error(tmp_path: Path, content: bytes, start: bytes) -> None:
    file = tmp_path / "random"
    file.write_bytes(start + content)
    for axes in (1, 3):
        try:
            assert read_idx(file, axes).ndim == axes
        except DataError:
            pass


def test_limit_leaves_room_for_larger_relatives() -> None:
    assert LIMIT_BYTES > 814_255 * 28 * 28  # EMNIST by class


def test_options_refuse_what_they_do_not_know() -> None:
    (entry,) = ganforge_datasets()
    assert entry.name == "mnist" and entry.options is Options
    for wrong in ({"split": "validation"}, {"spilt": "test"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Options)


class TestSharedData:
    """The real set, and broken files made elsewhere."""

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("idx_wrong_magic.gz", "305419896 .0x12345678."),
            ("idx_promises_more.gz", "60,000 images, it holds 50"),
            ("idx_truncated_gzip.gz", "cut short"),
        ],
    )
    def test_faults(self, shared_data: Path, name: str, message: str) -> None:
        with pytest.raises(DataError, match=f"{name}.*{message}"):
            read_idx(shared_data / "faults" / name, axes=3)

    def test_a_fault_in_place_of_the_training_images(self, shared_data: Path, folder: Path) -> None:
        (folder / "train-images-idx3-ubyte").unlink()
        shutil.copy(shared_data / "faults" / "idx_promises_more.gz", folder / "train-images-idx3-ubyte.gz")
        with pytest.raises(DataError, match="60,000"):
            open_mnist(folder, Options())

    def test_all_of_mnist(self, shared_data: Path, tmp_path: Path) -> None:
        image_set = open_mnist(shared_data / "mnist", Options(split="both"))
        prepared = prepare(image_set, name="mnist", shape=(28, 28, 1), cache=tmp_path)
        assert prepared.images.shape == (70_000, 28, 28, 1) and prepared.labels is not None
        assert np.bincount(prepared.labels[:60_000])[:3].tolist() == [5923, 6742, 5958]
        assert np.bincount(prepared.labels[60_000:])[:3].tolist() == [980, 1135, 1032]
        # the published mean of the 60,000 training images
        assert abs(prepared.images[:60_000].mean() / 255 - 0.1307) < 1e-4
