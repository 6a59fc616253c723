"""Classes of image files: subfolders, splits, tables, and what is said where there are none."""

import json
from pathlib import Path

import pytest

from ganforge.data.readers.file_set import FileSet
from ganforge.data.readers.opening import open_images
from ganforge.data.reading_settings import OpenOptions
from ganforge.errors import DataError
from tests.support.image_files import put


def opened(root: Path, **options: object) -> FileSet:
    image_set = open_images(root, OpenOptions(**options))  # type: ignore[arg-type]
    assert isinstance(image_set, FileSet)
    return image_set


def labels(root: Path, **options: object) -> dict[str, str]:
    image_set = opened(root, **options)
    if not image_set.class_names:
        return {}
    return {image_set.where(at): image_set.class_names[image_set.label(at)] for at in range(len(image_set))}


def test_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    put(tmp_path, *(f"{number}/a.png" for number in range(12)))
    assert opened(tmp_path).class_names == tuple(str(number) for number in range(12))
    old = open_images(tmp_path, OpenOptions(rules=1))
    assert old.class_names == tuple(sorted(str(number) for number in range(12)))


@pytest.mark.parametrize(
    ("names", "classes", "note"),
    [
        (("cat/a.png", "dog/b.png"), ("cat", "dog"), "labels from the subfolders"),
        (("w/cat/a.png", "w/dog/b.png"), ("cat", "dog"), "labels from the subfolders of w"),
        (("train/cat/a.png", "test/dog/b.png"), ("cat", "dog"), "labels from the subfolders of the splits"),
        (("cat/a.png", "dog/b.png", "c.png"), (), "no labels: c.png lies beside the subfolders"),
        (("cat/a.png", "dog/x/b.png"), (), "no labels: dog/x/b.png lies more than one level below"),
        (("all/a.png", "all/b.png"), (), "no labels: there is only one subfolder, all"),
        (("a.png", "b.png"), (), "no labels: there are no subfolders, nor a table"),
        (("cat/a.png", "dog/b.png", "@eaDir/t.png", "cat/.c.png"), ("cat", "dog"), "labels from the subfolders"),
    ],
)
def test_folders(tmp_path: Path, names: tuple[str, ...], classes: tuple[str, ...], note: str) -> None:
    image_set = opened(put(tmp_path, *names))
    assert image_set.class_names == classes
    assert any(each.startswith(note) for each in image_set.notes), image_set.notes


def test_splits(tmp_path: Path) -> None:
    put(tmp_path, "train/cat/a.png", "train/dog/b.png", "val/cat/c.png", "val/dog/d.png")
    assert "the subfolders are splits, all taken: train (2), val (2); one alone by --set data.split=train" in (
        opened(tmp_path).notes
    )
    assert labels(tmp_path, split="val") == {"val/cat/c.png": "cat", "val/dog/d.png": "dog"}
    with pytest.raises(DataError, match=r"no images in a subfolder 'test'; subfolders: train, val"):
        opened(tmp_path, split="test")


TABLES = {
    "labels.csv": "id,breed\na,pug\nb,corgi\n",
    "metadata.csv": "file_name,width,label\nx/a.png,4,pug\nx/b.png,5,corgi\n",
    "metadata.jsonl": '{"file_name": "x/a.png", "label": "pug"}\n{"file_name": "b.png", "label": "corgi"}\n',
    "dataset.json": json.dumps({"labels": [["x/a.png", "pug"], ["x/b.png", "corgi"]]}),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(tmp_path: Path, name: str) -> None:
    (put(tmp_path, "x/a.png", "x/b.png") / name).write_text(TABLES[name], encoding="utf-8-sig")
    expected = {"x/a.png": "pug", "x/b.png": "corgi"}
    assert labels(tmp_path) == labels(tmp_path, labels=name) == expected
    assert labels(tmp_path, labels="none") == {}


def test_a_table_of_another_name_and_column(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    (tmp_path / "dogs.csv").write_text("image,breed,size\na.png,pug,1\nb.png,corgi,2\n")
    with pytest.raises(DataError, match="'auto', 'subfolders', 'none' or a table beside the images"):
        opened(tmp_path, labels="cats.csv")
    assert labels(tmp_path, labels="dogs.csv", label_column="breed") == {"a.png": "pug", "b.png": "corgi"}
    assert opened(tmp_path, labels="dogs.csv", label_column="breed").left_out == ()
    assert [each.example for each in opened(tmp_path).left_out] == ["dogs.csv"]
    (tmp_path / "dogs.csv").rename(tmp_path / "labels.csv")
    assert labels(tmp_path, label_column="breed") == {"a.png": "pug", "b.png": "corgi"}
    with pytest.raises(DataError, match=r"which column has the labels is not evident.*one of breed, size"):
        opened(tmp_path)
    with pytest.raises(DataError, match="has no column 'kind'; its columns: image, breed, size"):
        opened(tmp_path, label_column="kind")


def test_one_hot_labels_and_images_without_one(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "dataset.json").write_text('{"labels": {"a.png": [0, 1], "b.png": [1, 0]}}')
    assert labels(tmp_path) == {"a.png": "1", "b.png": "0"}
    (left,) = opened(tmp_path).left_out
    assert (left.reason, left.count, left.example) == ("no label in dataset.json", 1, "c.png")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "labels.csv",
            "file,label\na.png,x\nz1.png,y\nz2.png,y\n",
            r"names files that are not there: z1\.png, z2\.png",
        ),
        ("labels.csv", "file,label\na.png,x\na.png,y\n", r"two labels for 'a\.png': 'x' and 'y'"),
        ("labels.csv", "file,label\na.png\n", "line 2 has no label"),
        ("labels.csv", "file,label\n", "holds no labels"),
        ("labels.csv", "", "which column has the labels|holds no labels"),
        ("metadata.jsonl", "[1]\n", "every line must be an object"),
        ("metadata.jsonl", "{nonsense\n", "is no JSON"),
        ("dataset.json", '{"classes": []}', "has no labels"),
        ("dataset.json", '{"labels": [["a.png", 0.5]]}', "the label 0.5 is neither"),
        ("dataset.json", '{"labels": [["../../etc/passwd", 1]]}', "names files that are not there"),
        ("dataset.json", '{"labels": [1]}', r"1 is not \[file, label\]"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    (put(tmp_path, "a.png", "b.png") / name).write_text(text)
    with pytest.raises(DataError, match=said):
        opened(tmp_path)


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    (put(tmp_path, "a.png") / "labels.csv").write_bytes(b"file,label\na.png,\xff\n")
    with pytest.raises(DataError, match="is not UTF-8"):
        opened(tmp_path)


def test_names_that_could_be_two_files(tmp_path: Path) -> None:
    (put(tmp_path, "x/a.png", "y/a.png") / "labels.csv").write_text("file,label\na.png,x\n")
    with pytest.raises(DataError, match=r"'a\.png' may be x/a\.png or y/a\.png"):
        opened(tmp_path)


def test_two_sources_that_agree_or_do_not(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png", "dog/b.png", "dog/c.png")
    (tmp_path / "labels.csv").write_text("file,label\na.png,C\nb.png,D\nc.png,D\n")
    assert labels(tmp_path) == {"cat/a.png": "C", "dog/b.png": "D", "dog/c.png": "D"}
    (tmp_path / "labels.csv").write_text("file,label\na.png,C\nb.png,D\nc.png,C\n")
    with pytest.raises(DataError, match=r"disagree: dog/c\.png is 'C' by the one and 'dog' by the other"):
        opened(tmp_path)
    assert set(labels(tmp_path, labels="subfolders").values()) == {"cat", "dog"}
