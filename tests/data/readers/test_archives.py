"""Archives, arrays, tables and shards as image sets."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganforge.data.contract import ImageSet
from ganforge.data.preparing import prepare
from ganforge.data.readers.opening import open_images
from ganforge.data.reading_settings import OpenOptions
from ganforge.errors import DataError
from tests.support.image_files import LABELS, PIXELS, png, put, zipped

MEMBERS = {f"set/{LABELS[at]}/{at:02}.png": png(PIXELS[at]) for at in range(12)}


def check(image_set: ImageSet, classes: tuple[str, ...] = ("0", "1", "2")) -> None:
    """The set holds all of `PIXELS`, in any order, with their labels."""
    assert len(image_set) == 12 and image_set.class_names == classes
    found = {}
    for index in range(12):
        (number,) = np.flatnonzero(
            (image_set.read(index) == PIXELS[:, :, :, : image_set.read(index).shape[2]]).all((1, 2, 3))
        )
        found[int(number)] = image_set.label(index) if classes else 0
    assert [found[number] for number in range(12)] == (LABELS.tolist() if classes else [0] * 12)


def tarred(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip(tmp_path: Path, method: int) -> None:
    check(open_images(zipped(tmp_path / "set.zip", MEMBERS, method)))


def test_a_folder_with_one_zip(tmp_path: Path) -> None:
    zipped(tmp_path / "set.zip", MEMBERS)
    check(open_images(tmp_path))
    zipped(tmp_path / "other.zip", MEMBERS)
    with pytest.raises(DataError, match=r"other\.zip, set\.zip; give one of them"):
        open_images(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar.xz", "w:xz")]
)
def test_tar(tmp_path: Path, suffix: str, mode: str) -> None:
    check(open_images(tarred(tmp_path / f"set{suffix}", MEMBERS, mode)))


def test_an_archive_is_prepared_as_the_same_folder(tmp_path: Path) -> None:
    for name, content in MEMBERS.items():
        file = tmp_path / "folder" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    paths = (
        tmp_path / "folder" / "set",
        zipped(tmp_path / "set.zip", MEMBERS),
        tarred(tmp_path / "set.tar", MEMBERS),
    )
    first, *others = (prepare(open_images(path), name="x", shape=(8, 8, 3), cache=tmp_path / "cache") for path in paths)
    for other in others:
        np.testing.assert_array_equal(first.images, other.images)
        np.testing.assert_array_equal(first.labels, other.labels)


def test_stylegan_zip(tmp_path: Path) -> None:
    labels = ", ".join(f'["0000{at % 2}/img{at:08}.png", {LABELS[at]}]' for at in range(12))
    members = {f"0000{at % 2}/img{at:08}.png": png(PIXELS[at]) for at in range(12)}
    check(open_images(zipped(tmp_path / "a.zip", {**members, "dataset.json": f'{{"labels": [{labels}]}}'.encode()})))
    without = open_images(zipped(tmp_path / "b.zip", {**members, "dataset.json": b'{"labels": null}'}))
    assert without.class_names == ("00000", "00001")  # nothing says that they are no classes


def test_webdataset_shards(tmp_path: Path) -> None:
    for shard in range(3):
        rows = range(4 * shard, 4 * shard + 4)
        members = {f"{at:04}.png": png(PIXELS[at]) for at in rows} | {
            f"{at:04}.cls": f"{LABELS[at]}\n".encode() for at in rows
        }
        tarred(tmp_path / f"train-{shard:03}.tar", members)
    check(open_images(tmp_path))
    check(open_images(tmp_path / "train-{000..002}.tar"))
    with pytest.raises(DataError, match=r"not there: train-003\.tar"):
        open_images(tmp_path / "train-{000..003}.tar")


@pytest.mark.parametrize(
    "names",
    [("images", "labels"), ("x_train", "y_train"), ("train_images", "train_labels"), ("X_train", "y_train")],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, names: tuple[str, str], save: Any) -> None:
    save(tmp_path / "a.npz", **{names[0]: PIXELS, names[1]: LABELS[:, None]})
    check(open_images(tmp_path / "a.npz"))
    np.savez(tmp_path / "b.npz", x_train=PIXELS[:1], y_train=[0], x_test=PIXELS, y_test=LABELS)
    check(open_images(tmp_path / "b.npz", OpenOptions(split="test")))
    with pytest.raises(DataError, match="no images of the split 'val' among its arrays x_test"):
        open_images(tmp_path / "b.npz", OpenOptions(split="val"))


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PIXELS)
    check(open_images(tmp_path / "a.npy"), ())
    np.save(tmp_path / "labels.npy", LABELS)
    check(open_images(tmp_path / "a.npy"))
    np.save(tmp_path / "f.npy", np.asfortranarray(PIXELS / 255))
    np.savez(tmp_path / "f.npz", images=np.asfortranarray(PIXELS / 255), labels=LABELS)
    check(open_images(tmp_path / "f.npz"))


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{array.ndim + 1}I", 0x0800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx(tmp_path: Path, pack: Any) -> None:
    grey = PIXELS[..., 0]
    (tmp_path / "my-images-idx3-ubyte").write_bytes(pack(idx(grey)))
    (tmp_path / "my-labels-idx1-ubyte").write_bytes(pack(idx(LABELS)))
    check(open_images(tmp_path / "my-images-idx3-ubyte"))
    check(open_images(tmp_path))
    (tmp_path / "emnist").mkdir()
    (tmp_path / "emnist" / "emnist-letters-train-images-idx3-ubyte").write_bytes(pack(idx(grey.transpose(0, 2, 1))))
    (tmp_path / "emnist" / "emnist-letters-train-labels-idx1-ubyte").write_bytes(pack(idx(LABELS + 1)))
    letters = open_images(tmp_path / "emnist")
    check(letters, ("1", "2", "3"))
    assert any("rows and columns are exchanged" in note for note in letters.notes)  # type: ignore[attr-defined]


def test_fashion_mnist_has_its_names(tmp_path: Path) -> None:
    (tmp_path / "fashion").mkdir()
    (tmp_path / "fashion" / "train-images-idx3-ubyte").write_bytes(idx(PIXELS[..., 0]))
    (tmp_path / "fashion" / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    assert open_images(tmp_path / "fashion").class_names[9] == "Ankle boot"


def test_a_csv_of_pixels(tmp_path: Path) -> None:
    square = PIXELS[:, :10, :10, 0]
    rows = np.c_[LABELS, square.reshape(12, -1)]
    header = "label," + ",".join(f"pixel{at}" for at in range(100))
    np.savetxt(tmp_path / "train.csv", rows, "%d", ",", header=header, comments="")
    image_set = open_images(tmp_path / "train.csv")
    assert [image_set.label(at) for at in range(12)] == LABELS.tolist()
    np.testing.assert_array_equal(image_set.read(7)[..., 0], square[7])
    np.savetxt(tmp_path / "plain.csv", square.reshape(12, -1), "%d", ",")
    assert open_images(tmp_path / "plain.csv").class_names == ()


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["a", "b", "c"]}}
    about = {"huggingface": f'{{"info": {{"features": {features}}}}}'.replace("'", '"')}
    images = [{"bytes": png(each), "path": None} for each in PIXELS]
    table = pyarrow.table({"image": images, "label": LABELS}).replace_schema_metadata(about)
    for part in range(2):
        name = tmp_path / f"train-0000{part}-of-00002.parquet"
        parquet.write_table(table.slice(6 * part, 6), name, row_group_size=4)
    image_set = open_images(tmp_path)
    check(image_set, ("a", "b", "c"))
    assert image_set.where(7) == "train-00001-of-00002.parquet row 1"
    parquet.write_table(pyarrow.table({"jpg": [png(each) for each in PIXELS], "kind": LABELS}), tmp_path / "b.parquet")
    check(open_images(tmp_path / "b.parquet"), ())
    check(open_images(tmp_path / "b.parquet", OpenOptions(label_column="kind")))
    parquet.write_table(pyarrow.table({"kind": LABELS}), tmp_path / "c.parquet")
    with pytest.raises(DataError, match=r"no column of images.* kind \(int64\)"):
        open_images(tmp_path / "c.parquet")


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr("ganforge.data.readers.parquet_set.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"need pyarrow: pip install 'ganforge\[parquet\]'"):
        open_images(tmp_path / "a.parquet")


def encrypted() -> bytes:
    """A zip archive whose one member says that it is encrypted."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.png", png(PIXELS[0]))
    content = bytearray(made.getvalue())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(100 << 20))
    return made.getvalue()


def objects() -> bytes:
    made = io.BytesIO()
    np.save(made, np.array([{"a": 1}]), allow_pickle=True)
    return made.getvalue()


def npz(**arrays: Any) -> bytes:
    made = io.BytesIO()
    np.savez_compressed(made, **arrays)
    return made.getvalue()


def tar_of(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "/etc/passwd"
        archive.addfile(entry, io.BytesIO())
    return made.getvalue()


def zip_of(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


BROKEN: dict[str, tuple[str, bytes, str]] = {
    "encrypted zip": ("a.zip", encrypted(), r"a\.png is encrypted"),
    "zip bomb": ("a.zip", bomb(), "as no image does"),
    "nested zip": ("a.zip", zip_of(**{"b.zip": b"PK"}), r"no images; 1 left out \(an archive inside; .*b\.zip\)"),
    "zip that leaves its folder": ("a.zip", zip_of(**{"../a.png": b"x"}), r"'\.\./a\.png' leads out"),
    "zip with an absolute path": ("a.zip", zip_of(**{"/etc/a.png": b"x"}), "leads out"),
    "zip with a drive": ("a.zip", zip_of(**{"C:\\a.png": b"x"}), "leads out"),
    "no zip": ("a.zip", b"no zip at all", "cannot be read as a zip archive"),
    "cut zip": ("a.zip", zip_of(**{"a.png": b"x"})[:-30], "cannot be read as a zip archive"),
    "tar that leaves its folder": ("a.tar", tar_of("../../a.png"), "leads out"),
    "tar with a link": ("a.tar", tar_of("a.png", tarfile.SYMTYPE), r"no images; 1 left out \(a link or a device"),
    "no tar": ("a.tar", b"no tar at all", "cannot be read as a tar archive"),
    "empty tar": ("a.tar", b"", "cannot be read as a tar archive"),
    "tar.gz bomb": ("a.tar.gz", gzip.compress(bytes(100 << 20)), "would grow to more than"),
    "objects": ("a.npy", objects(), "Python objects"),
    "objects in npz": ("a.npz", zip_of(**{"images.npy": objects()}), "Python objects"),
    "no npy": ("a.npy", b"x", "cannot be read as an array"),
    "npz of other arrays": ("a.npz", npz(weights=LABELS, bias=LABELS), "no images among its arrays bias, weights"),
    "npz of NaN": ("a.npz", npz(images=np.full((2, 4, 4), np.nan)), "not finite"),
    "labels of another length": ("a.npz", npz(images=PIXELS, labels=LABELS[:5]), "5 labels for 12 images"),
    "cut npz": ("a.npz", npz(images=PIXELS)[:200], "cannot be read as an .npz"),
    "csv of names": ("a.csv", b"file,label\na.png,cat\n", r"no table of pixels.*data\.labels=a\.csv"),
    "csv that is not square": ("a.csv", b"1,2,3\n4,5,6\n", "neither a square"),
    "csv out of range": ("a.csv", b"0,1,2,3,256\n", "pixels from 1 to 256"),
    "parquet": ("a.parquet", b"PAR1 nothing", "parquet"),
    "another file": ("a.txt", b"hello", "no data that is known"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_refused_in_one_message_and_little_memory(tmp_path: Path, case: str) -> None:
    name, content, said = BROKEN[case]
    (tmp_path / name).write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=said):
            open_images(tmp_path / name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 << 20
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_damaged_member_is_one_bad_image(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "a.zip", MEMBERS, zipfile.ZIP_STORED).read_bytes())
    content[content.index(MEMBERS["set/0/00.png"]) + 60] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(content)
    prepared = prepare(open_images(tmp_path / "a.zip"), name="x", shape=(8, 8, 3), cache=tmp_path / "cache")
    assert len(prepared.images) == 11 and "CRC" in prepared.skipped[0].reason


def test_nothing_at_the_path(tmp_path: Path) -> None:
    put(tmp_path / "images", "a.png")
    with pytest.raises(DataError, match=r"there is no such file or folder .*did you mean .*images"):
        open_images(tmp_path / "imags")
    with pytest.raises(DataError, match=r"--data PATH"):
        open_images(None)
