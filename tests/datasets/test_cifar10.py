"""The data set cifar10: both versions, packed or not, and archives that lie."""

import gzip
import io
import pickle
import tarfile
import tracemalloc
import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from ganforge_cifar10 import Options, ganforge_datasets, open_cifar10
from ganforge_cifar10.archive import LIMIT_BYTES
from ganforge_cifar10.cifar10 import CLASSES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganforge.data.contract import ImageSet
from ganforge.data.preparing import prepare
from ganforge.errors import DataError
from ganforge.testing import check_dataset

LABELS = np.tile(np.arange(10, dtype=np.uint8), 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (30, 3072), np.uint8)


def binary(shift: int = 0) -> bytes:
    """30 records; those of another `shift` are others."""
    return np.hstack([np.roll(LABELS, shift)[:, None], np.roll(PIXELS, shift, axis=0)]).tobytes()


def python(shift: int = 0) -> bytes:
    """The same batch as Python 2's cPickle wrote the official ones: protocol 2, no bytes, numpy.core.multiarray."""
    pixels = np.roll(PIXELS, shift, axis=0).tobytes()
    labels = b"".join(b"K" + bytes([label]) for label in np.roll(LABELS, shift))
    names = b"".join(b"U\x05" + f"{number:05}".encode() for number in range(30))
    dtype = b"cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87R(K\x01K\x1eM\x00\x0c\x86"
    )
    array += dtype + b"\x89T" + len(pixels).to_bytes(4, "little") + pixels + b"tb"
    items = b"U\x0bbatch_labelU\x0ctraining one" + b"U\x06labels](" + labels + b"e" + b"U\x04data" + array
    return b"\x80\x02}q\x01(" + items + b"U\x09filenames](" + names + b"eu."


def archive(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return made.getvalue()


def packed(path: Path, members: dict[str, bytes]) -> Path:
    path.write_bytes(gzip.compress(archive(members), 1))
    return path


BINARY = {f"cifar-10-batches-bin/data_batch_{n}.bin": binary(n) for n in (2, 1)}
BINARY |= {"cifar-10-batches-bin/test_batch.bin": binary(7), "cifar-10-batches-bin/batches.meta.txt": b"airplane\n"}
PYTHON = {f"cifar-10-batches-py/data_batch_{n}": python(n) for n in (2, 1)}
PYTHON |= {"cifar-10-batches-py/test_batch": python(7), "cifar-10-batches-py/batches.meta": b"(dp1\n."}


def opened(path: Path, **options: object) -> ImageSet:
    return open_cifar10(path, msgspec.convert(options, Options))


def pictures(image_set: ImageSet) -> np.ndarray:
    return np.stack([image_set.read(index) for index in range(len(image_set))])


def unpacked(root: Path, members: dict[str, bytes]) -> Path:
    for name, content in members.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_every_form_is_the_same_set(tmp_path: Path) -> None:
    forms = {
        "binary archive": packed(tmp_path / "some.tar.gz", BINARY),
        "Python archive": packed(tmp_path / "other.tgz", PYTHON),
        "folder around binary batches": unpacked(tmp_path / "a", BINARY),
        "folder of Python batches": unpacked(tmp_path / "b", PYTHON) / "cifar-10-batches-py",
        "tar": tmp_path / "plain.tar",
        "folder with the archive": tmp_path / "c",
    }
    (tmp_path / "plain.tar").write_bytes(archive(BINARY))
    forms["folder with the archive"].mkdir()
    packed(tmp_path / "c" / "cifar-10-python.tar.gz", PYTHON)
    sets = {name: opened(path, split="both") for name, path in forms.items()}
    assert len({image_set.fingerprint for image_set in sets.values()}) == 1
    for image_set in sets.values():
        assert len(image_set) == 90 and image_set.class_names == CLASSES
        expected = np.concatenate([np.roll(PIXELS, shift, axis=0) for shift in (1, 2, 7)])
        np.testing.assert_array_equal(pictures(image_set), expected.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        assert [image_set.label(index) for index in (0, 30, 60)] == [9, 8, 3]
    assert sets["binary archive"].where(31) == "data_batch_2.bin record 1"
    check_dataset("cifar10", forms["Python archive"], {"classes": "frog,cat"})


def test_splits(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.tar.gz", BINARY)
    assert [len(opened(path, split=split)) for split in ("train", "test", "both")] == [60, 30, 90]
    train = unpacked(tmp_path / "train", {"data_batch_1.bin": binary()})
    assert len(opened(train)) == len(opened(train / "data_batch_1.bin")) == 30
    for place in (train, train / "data_batch_1.bin"):
        with pytest.raises(DataError, match=r"no batch of the split 'test' .*test_batch"):
            opened(place, split="test")


def test_classes_are_numbered_as_asked(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.tar.gz", BINARY)
    for asked in ("frog,cat", "frog, cat", ["frog", "cat"]):
        some = opened(path, classes=asked)
        assert some.class_names == ("frog", "cat") and len(some) == 12
        assert [some.label(index) for index in range(4)] == [1, 0, 1, 0]
    frogs = opened(path, classes="frog")
    assert frogs.class_names == ("frog",) and {frogs.label(index) for index in range(6)} == {0}
    np.testing.assert_array_equal(frogs.read(0), PIXELS[6].reshape(3, 32, 32).transpose(1, 2, 0))
    assert frogs.where(0) == "data_batch_1.bin record 7"
    assert len({opened(path, classes=asked).fingerprint for asked in ("frog,cat", "cat,frog", "frog", ())}) == 4


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("frogs", "no class 'frogs'; did you mean 'frog'"),
        (["cat", "lion"], "no class 'lion'"),
        ("cat,cat", "asked for twice"),
        ("", "no class ''; known: airplane, .*truck"),
    ],
)
def test_classes_that_there_are_not(tmp_path: Path, asked: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(packed(tmp_path / "a.tar.gz", BINARY), classes=asked)


def test_a_class_without_a_image(tmp_path: Path) -> None:
    path = unpacked(tmp_path, {"data_batch_1.bin": binary()[: 3 * 3073]}) / "data_batch_1.bin"
    with pytest.raises(DataError, match=r"no image of frog in data_batch_1\.bin"):
        opened(path, classes="frog")


def test_paths_with_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder .*ganforge data fetch cifar10"):
        opened(tmp_path / "gone")
    with pytest.raises(DataError, match=r"--data PATH"):
        open_cifar10(None, Options())
    packed(tmp_path / "renamed.tar.gz", BINARY)
    with pytest.raises(DataError, match=r"nothing of CIFAR-10 .*renamed\.tar\.gz"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data_batch_1.bin", binary()[:-1000], "29 records of 3,073 bytes and 2,073 bytes over"),
        ("data_batch_1.bin", b"", "0 bytes are 0 records"),
        ("any.bin", binary()[: 3073 * 4] + b"\xc8" + binary()[3073 * 4 + 1 :], "record 4 has the label 200"),
        ("notes.txt", b"no images", "9 bytes are 0 records"),
        ("a.tar.gz", b"\x1f\x8b", "cut short or damaged"),
        ("a.tar.gz", gzip.compress(b"no tar " * 999, mtime=0), "not a tar archive"),
        ("a.tar.gz", gzip.compress(b"", mtime=0), "no batch of the split 'train'"),
        ("a.tar.gz", gzip.compress(archive(BINARY), mtime=0)[:-4000], "cut short or damaged"),
        ("a.tar.gz", gzip.compress(archive(BINARY), mtime=0)[:-8] + b"12345678", "damaged .*CRC"),
        ("a.tar.gz", gzip.compress(archive(BINARY)[:60_000], mtime=0), "cut short"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"(?s){name}.*{message}"):
        opened(tmp_path / name)


def test_a_damaged_header_in_the_middle_is_no_end(tmp_path: Path) -> None:
    content = bytearray(archive(BINARY))
    at = content.index(b"cifar-10-batches-bin/data_batch_1.bin")
    content[at + 148] ^= 1  # the header's checksum
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(DataError, match="damaged one"):
        opened(tmp_path / "a.tar")


def hostile(path: Path, header: tarfile.TarInfo, content: bytes = b"") -> Path:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        good = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
        good.size = len(binary())
        tar.addfile(good, io.BytesIO(binary()))
        tar.addfile(header, io.BytesIO(content))
    path.write_bytes(gzip.compress(made.getvalue()))
    return path


@pytest.mark.parametrize("name", ["../data_batch_2.bin", "/tmp/evil.bin", "a/../../evil.bin", "../\x1b[31m\udcff"])
def test_members_that_lead_out(tmp_path: Path, name: str) -> None:
    header = tarfile.TarInfo(name)
    header.size = 3073
    with pytest.raises(DataError, match="leads out of the archive's folder") as raised:
        opened(hostile(tmp_path / "a.tar.gz", header, binary()[:3073]))
    str(raised.value).encode()
    assert [file.name for file in tmp_path.rglob("*")] == ["a.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices(tmp_path: Path, kind: bytes) -> None:
    (tmp_path / "secret.bin").write_bytes(binary())
    header = tarfile.TarInfo("cifar-10-batches-bin/data_batch_2.bin")
    header.type, header.linkname = kind, str(tmp_path / "secret.bin")
    with pytest.raises(
        DataError, match=r"data_batch_2\.bin is a (link to .*secret\.bin|device), which is not followed"
    ):
        opened(hostile(tmp_path / "a.tar.gz", header))


def test_the_same_batch_twice(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data_batch_\d is there twice"):
        opened(packed(tmp_path / "a.tar.gz", BINARY | PYTHON))


def bomb(header: tarfile.TarInfo, zeros: int) -> bytes:
    """A small gzip file of a header and many zeros."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [squeeze.compress(header.tobuf(tarfile.GNU_FORMAT))]
    parts += [squeeze.compress(bytes(1 << 20)) for _ in range(zeros >> 20)]
    return b"".join([*parts, squeeze.flush()])


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    [
        ("data_batch_1.bin", tarfile.REGTYPE, 8 << 30),  # a header that lies
        ("filler", tarfile.REGTYPE, 8 << 30),
        ("x", tarfile.XHDTYPE, 1 << 40),  # headers that tarfile would take into memory
        ("x", tarfile.GNUTYPE_LONGNAME, LIMIT_BYTES),
        ("data_batch_1.bin", tarfile.REGTYPE, -512),
        ("filler", tarfile.REGTYPE, 0),  # no end after the end
    ],
)
def test_bombs_cost_neither_memory_nor_time(tmp_path: Path, name: str, kind: bytes, size: int) -> None:
    header = tarfile.TarInfo(name)
    header.type, header.size = kind, size
    (tmp_path / "bomb.tar.gz").write_bytes(bomb(header, LIMIT_BYTES + (4 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=rf"bomb\.tar\.gz.*{LIMIT_BYTES:,}"):
            opened(tmp_path / "bomb.tar.gz")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


class Evil:
    """What a hostile pickle would run."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.write_text, (Path("evil"), "run"))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickles_of_today(tmp_path: Path, protocol: int) -> None:
    batch = {b"data": PIXELS, b"labels": LABELS.tolist(), b"batch_label": b"training one"}
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(batch, protocol))
    assert opened(tmp_path).fingerprint == opened(unpacked(tmp_path / "b", {"data_batch_1.bin": binary()})).fingerprint
    batch["data"] = np.asfortranarray(PIXELS)
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(batch, protocol))
    np.testing.assert_array_equal(opened(tmp_path).read(3), PIXELS[3].reshape(3, 32, 32).transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"data": Evil(), "labels": []}, "'pathlib Path.write_text'|which is not called|not of CIFAR-10"),
        ({"data": PIXELS.astype(np.float32), "labels": LABELS.tolist()}, "array of the type 'f4'"),
        ({"data": PIXELS[:9], "labels": LABELS.tolist()}, r"shape \(9, 3072\) with 30 labels"),
        ({"data": PIXELS, "labels": [*LABELS.tolist()[:29], "frog"]}, "no small integers"),
        ({"data": PIXELS, "labels": [*LABELS.tolist()[:29], 10**30]}, "no small integers"),
        ({"data": PIXELS, "labels": [*LABELS.tolist()[:29], 10]}, "record 29 has the label 10"),
        ({"data": PIXELS, "labels": [*LABELS.tolist()[:29], -1]}, "record 29 has the label -1"),
        ({"data": PIXELS, "fine_labels": LABELS.tolist()}, "no dictionary with 'data'"),
        ({1: PIXELS}, "a key that is no short text"),
        ([PIXELS], "no dictionary"),
        ({"data": print}, "'builtins print'|'__builtin__ print'"),
        ({"data": frozenset()}, "frozenset|FROZENSET|set."),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_pickles_that_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object, message: str, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(DataError, match=rf"data_batch_1.*({message})"):
        opened(tmp_path)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "program",
    [b"\x80\x02.", b"\x80\x02e.", b"\x80\x02}h\x07.", b"\x80\x02](K\x01u.", b"\x80\x02K\x01K\x02s.", b"\x80\x02",
     b"\x80\x02T\xff\xff\xff\xff.", b"\x80\x02cos\nsystem\nU\x02lsR.", b"\x80\x02" + b"]" * 10_000 + b"."],
)  # fmt: skip
def test_pickles_that_are_damaged(tmp_path: Path, program: bytes) -> None:
    (tmp_path / "data_batch_1").write_bytes(program)
    with pytest.raises(DataError, match=r"data_batch_1.*not of CIFAR-10's Python version"):
        opened(tmp_path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 500), value=st.integers(0, 255), tail=st.integers(0, 500))
def test_a_pickle_with_any_byte_wrong_is_read_or_refused(tmp_path: Path, at: int, value: int, tail: int) -> None:
    """Bytes of the frame around the pixels, at its beginning or its end."""
    content = bytearray(python())
    content[at] = value
    content[-1 - tail] = value
    (tmp_path / "data_batch_1").write_bytes(b"\x80" + bytes(content[1:]))
    try:
        assert len(opened(tmp_path)) <= 30
    except DataError as error:
        assert "data_batch_1" in str(error)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 512 * 3), value=st.integers(0, 255))
def test_a_tar_archive_with_any_byte_wrong_is_read_or_refused(tmp_path: Path, at: int, value: int) -> None:
    content = bytearray(archive({"data_batch_1.bin": binary()[:3073], "test_batch.bin": b""}))
    content[at] = value
    (tmp_path / "a.tar").write_bytes(content)
    try:
        assert len(opened(tmp_path / "a.tar")) == 1
    except DataError as error:
        assert "a.tar" in str(error)


def test_the_entry() -> None:
    (entry,) = ganforge_datasets()
    assert entry.name == "cifar10" and entry.needs_path
    assert [download.file for download in entry.downloads] == ["cifar-10-binary.tar.gz"]


def test_shared_archives(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "cifar10"
    frogs = opened(folder, classes="frog")
    assert len(frogs) == 5000
    assert len(opened(folder, split="both")) == 10_500
    lossless = opened(folder / "cifar-10-lossless-4000.tar.gz")
    counts = np.bincount([lossless.label(index) for index in range(len(lossless))])
    assert counts.tolist() == [396, 366, 420, 384, 422, 393, 414, 385, 407, 413]
    prepared = prepare(frogs, name="cifar10", shape=(32, 32, 3), cache=tmp_path)
    assert prepared.images.shape == (5000, 32, 32, 3) and not prepared.skipped
    green = prepared.images.reshape(-1, 3).mean(axis=0)
    assert green[2] < green[0] and green[2] < green[1]  # frogs are not blue


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("cifar_not_multiple_of_3073.bin", "60,460 bytes are 19 records of 3,073 bytes and 2,073 bytes over"),
        ("cifar_label_out_of_range.bin", "record 5 has the label 200"),
        ("cifar_path_traversal.tar.gz", r"\.\./evil\.bin leads out"),
        ("cifar_absolute_symlink.tar.gz", r"data_batch_2\.bin is a link to /.*, which is not followed"),
    ],
)
def test_shared_faults(shared_data: Path, file: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"{file}: .*{message}"):
        opened(shared_data / "faults" / file)
