"""The data set folder."""

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from ganforge_folder import ganforge_datasets, open_folder
from PIL import Image

from ganforge.data.preparing import prepare
from ganforge.data.reading_settings import OpenOptions as Options
from ganforge.errors import DataError


def put(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 10), (200, 100, 50)).save(file, "PNG")
    return root


def places(root: Path, **options: str) -> list[str]:
    image_set = open_folder(root, msgspec.convert(options, Options))
    return [image_set.where(index) for index in range(len(image_set))]


def test_images_in_order_of_their_paths(tmp_path: Path) -> None:
    put(tmp_path, "b.PNG", "sub/deep/a.jpeg", "a.webp", "10.png", "9.png")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    assert places(tmp_path) == ["10.png", "9.png", "a.webp", "b.PNG", "sub/deep/a.jpeg"]
    assert open_folder(tmp_path, Options()).read(0).shape == (10, 12, 3)


def test_pattern(tmp_path: Path) -> None:
    put(tmp_path, "train/a.png", "train/b.jpg", "test/c.png")
    assert places(tmp_path, pattern="train/*") == ["train/a.png", "train/b.jpg"]
    assert places(tmp_path, pattern="**/*.png") == ["test/c.png", "train/a.png"]


@pytest.mark.parametrize("pattern", ["../*", "/etc/*", "", "a/../../*"])
def test_a_pattern_stays_below_the_folder(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(DataError, match="must be a path below the folder"):
        open_folder(put(tmp_path, "a.png"), Options(pattern=pattern))


def test_hidden_files_and_folders_are_ignored(tmp_path: Path) -> None:
    assert places(put(tmp_path, "a.png", ".b.png", "._a.png", ".thumbnails/c.png")) == ["a.png"]


def test_links(tmp_path: Path) -> None:
    put(tmp_path / "set", "sub/a.png")
    put(tmp_path / "elsewhere", "b.png")
    (tmp_path / "set" / "sub" / "loop").symlink_to(tmp_path / "set", target_is_directory=True)
    (tmp_path / "set" / "broken.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "set" / "linked.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    assert places(tmp_path / "set") == ["broken.png", "linked.png", "sub/a.png"]


@pytest.mark.parametrize(
    ("names", "labels", "expected"),
    [
        (("cat/a.png", "dog/b.png"), "auto", ("cat", "dog")),
        (("all/a.png", "all/b.png"), "auto", ()),
        (("cat/a.png", "dog/b.png", "c.png"), "auto", ()),
        (("cat/a.png", "dog/x/b.png"), "auto", ()),
        (("cat/a.png", "dog/b.png"), "none", ()),
        (("all/a.png",), "subfolders", ("all",)),
        (("cat/a.png", "dog/x/b.png"), "subfolders", ("cat", "dog")),
    ],
)
def test_classes(tmp_path: Path, names: tuple[str, ...], labels: str, expected: tuple[str, ...]) -> None:
    image_set = open_folder(put(tmp_path, *names), msgspec.convert({"labels": labels}, Options))
    assert image_set.class_names == expected
    if expected:
        assert [image_set.label(index) for index in range(len(names))] == list(range(len(expected)))


def test_a_image_without_a_class(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"stray\.png lies in no subfolder"):
        open_folder(put(tmp_path, "cat/a.png", "stray.png"), Options(labels="subfolders"))


def test_fingerprint_follows_the_files(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png", "dog/b.png")

    def fingerprint(**options: str) -> str:
        return open_folder(tmp_path, msgspec.convert(options, Options)).fingerprint

    seen = [fingerprint()]
    assert fingerprint() == seen[0]
    seen.append(fingerprint(labels="none"))
    os.utime(tmp_path / "cat" / "a.png", ns=(0, 1))
    seen.append(fingerprint())
    (tmp_path / "cat" / "a.png").write_bytes(b"x")
    os.utime(tmp_path / "cat" / "a.png", ns=(0, 1))
    seen.append(fingerprint())
    (tmp_path / "dog" / "b.png").rename(tmp_path / "dog" / "c.png")
    seen.append(fingerprint())
    assert len(set(seen)) == len(seen)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(
        DataError, match=r"no images; 1 left out \(\.txt files are no images: notes\.txt\); read are \.apng, .*\.webp"
    ):
        open_folder(tmp_path, Options())


def test_a_wrong_path(tmp_path: Path) -> None:
    put(tmp_path / "images", "a.png")
    (tmp_path / "unrelated").mkdir()
    with pytest.raises(DataError, match=r"no such file or folder .*did you mean .*images\?$"):
        open_folder(tmp_path / "imags", Options())
    with pytest.raises(DataError, match=r"no such file or folder .*\)$"):
        open_folder(tmp_path / "zzz" / "yyy", Options())
    with pytest.raises(DataError, match="no data that is known"):
        open_folder(tmp_path / "images" / "a.png", Options())
    with pytest.raises(DataError, match=r"--data PATH"):
        open_folder(None, Options())


def test_bad_files_are_skipped_by_their_relative_path(tmp_path: Path) -> None:
    put(tmp_path / "set", "cat/a.png", "dog/b.png", "dog/c.png")
    (tmp_path / "set" / "dog" / "b.png").write_bytes(b"")
    prepared = prepare(
        open_folder(tmp_path / "set", Options()), name="folder", shape=(8, 8, 3), cache=tmp_path / "cache"
    )
    assert [(bad.where, bad.reason) for bad in prepared.skipped] == [("dog/b.png", "the file is empty")]
    assert prepared.labels is not None and prepared.labels.tolist() == [0, 1]
    assert (np.abs(prepared.images.astype(int) - [200, 100, 50]) <= 1).all()


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    try:
        put(tmp_path / "set", name, "good.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (tmp_path / "set" / name).write_bytes(b"")
    image_set = open_folder(tmp_path / "set", Options())
    prepared = prepare(image_set, name="folder", shape=(8, 8, 3), cache=tmp_path / "cache")
    assert prepared.skipped[0].where == "caf\N{REPLACEMENT CHARACTER}.png"
    assert prepare(image_set, name="folder", shape=(8, 8, 3), cache=tmp_path / "cache").from_cache


def test_a_class_whose_name_is_no_utf8(tmp_path: Path) -> None:
    try:
        put(tmp_path / "set", os.fsdecode(b"bad\xff/a.png"), "good/b.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    image_set = open_folder(tmp_path / "set", Options())
    assert image_set.class_names == ("bad\N{REPLACEMENT CHARACTER}", "good")
    prepared = prepare(image_set, name="folder", shape=(8, 8, 3), cache=tmp_path / "cache")
    assert prepared.class_names == image_set.class_names
    put(tmp_path / "set", os.fsdecode(b"bad\xfe/c.png"))
    with pytest.raises(DataError, match=r"b'bad\\xfe', b'bad\\xff' .* Rename them"):
        open_folder(tmp_path / "set", Options())


def test_the_entry() -> None:
    (entry,) = ganforge_datasets()
    assert entry.name == "folder" and entry.needs_path and entry.options is Options


def test_shared_faults(shared_data: Path, tmp_path: Path) -> None:
    image_set = open_folder(shared_data / "faults", Options())
    prepared = prepare(image_set, name="folder", shape=(32, 32, 3), cache=tmp_path)
    assert len(prepared.images) == 8
    assert [bad.where for bad in prepared.skipped] == [
        "bomb_60000x60000.png",
        "text_named.png",
        "truncated.jpg",
        "zero_byte.jpg",
    ]
    with pytest.raises(DataError, match="more than 3 of 12"):
        prepare(image_set, name="folder", shape=(32, 32, 3), cache=tmp_path, max_bad=3)


def test_shared_faces(shared_data: Path, tmp_path: Path) -> None:
    image_set = open_folder(shared_data / "faces", Options(pattern="all/0000*"))
    prepared = prepare(image_set, name="folder", shape=(64, 64, 3), cache=tmp_path)
    assert prepared.images.shape == (99, 64, 64, 3) and prepared.class_names == ()
    assert 40 < prepared.images.std() < 100
