"""The data set faces: folders, parts of them, and CelebA's tables."""

import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from ganforge_faces import Options, ganforge_datasets, open_faces
from PIL import Image

from ganforge.data import FileSet, ImageFolder
from ganforge.data.preparing import prepare
from ganforge.errors import DataError
from ganforge.testing import check_dataset

ATTRIBUTES = """4
Bald Smiling Young
000001.jpg -1  1  1
000002.jpg  1 -1  1
000003.jpg -1 -1 -1
000004.jpg -1  1 -1
"""
PARTITION = "000001.jpg 0\n000002.jpg 0\n000003.jpg 1\n000004.jpg 2\n"


def put(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 12), (number * 40, 100, 50)).save(file, "PNG")
    return root


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """Four images in CelebA's layout."""
    put(tmp_path, *(f"img_align_celeba/00000{number}.jpg" for number in (1, 2, 3, 4)))
    (tmp_path / "list_attr_celeba.txt").write_text(ATTRIBUTES)
    (tmp_path / "list_eval_partition.txt").write_text(PARTITION)
    return tmp_path


def opened(root: Path, **options: object) -> FileSet:
    image_set = open_faces(root, msgspec.convert(options, Options))
    assert isinstance(image_set, FileSet)
    return image_set


def opened_as_before(root: Path, **options: object) -> ImageFolder:
    """As runs from before `data.rules = 3` find it."""
    image_set = open_faces(root, msgspec.convert({"rules": 2, **options}, Options))
    assert isinstance(image_set, ImageFolder)
    return image_set


def zipped(root: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, file.relative_to(root))
    return target


def places(image_set: FileSet | ImageFolder) -> list[str]:
    return [image_set.where(index) for index in range(len(image_set))]


def test_one_part_or_all(tmp_path: Path) -> None:
    put(tmp_path, "A/1.jpg", "A/2.jpg", "B/1.jpg")
    assert places(opened(tmp_path, part="A")) == ["A/1.jpg", "A/2.jpg"]
    assert opened(tmp_path, part="A").class_names == ()
    everything = opened(tmp_path)
    assert everything.class_names == ("A", "B") and everything.labels == (0, 0, 1)


def test_a_part_is_a_first_folder_and_labelled_by_itself(tmp_path: Path) -> None:
    put(tmp_path, "A/1.jpg", "B/A/1.jpg", "B/C/1.jpg", "stray.jpg")
    one, two = opened(tmp_path, part="A"), opened(tmp_path, part="B", labels="auto")
    assert places(one) == ["A/1.jpg"] and one.class_names == ()
    assert [(each.reason, each.count, each.example) for each in one.left_out] == [("not in A", 3, "B/A/1.jpg")]
    assert places(two) == ["B/A/1.jpg", "B/C/1.jpg"] and two.class_names == ("A", "C")
    assert opened(tmp_path, part="A", labels="subfolders").class_names == ("A",)
    with pytest.raises(DataError, match=r"no images in a subfolder 'C'; known: A, B"):
        opened(tmp_path, part="C")
    assert places(opened(zipped(tmp_path, tmp_path / "all.zip"), part="A")) == ["A/1.jpg"]


def test_parts_that_are_not_there(tmp_path: Path) -> None:
    put(tmp_path, "partA/1.jpg")
    with pytest.raises(DataError, match=r"no images in a subfolder 'partB'; did you mean 'partA'\?"):
        opened(tmp_path, part="partB")
    with pytest.raises(DataError, match=r"no such folder .*did you mean .*partA\?"):
        opened_as_before(tmp_path, part="partB")
    for outside in ("..", "partA/..", "/", "", "."):
        with pytest.raises(DataError, match="no images in a subfolder"):
            opened(tmp_path, part=outside)
        with pytest.raises(DataError, match="must be the name of a subfolder"):
            opened_as_before(tmp_path, part=outside)


def test_an_attribute_becomes_the_label(celeba: Path) -> None:
    smiling = opened(celeba, attribute="Smiling")
    assert smiling.class_names == ("not Smiling", "Smiling")
    assert smiling.labels == (1, 0, 0, 1)
    assert opened(celeba, attribute="Young").labels == (1, 1, 0, 0)
    assert opened(celeba).class_names == ()
    assert smiling.fingerprint != opened(celeba, attribute="Young").fingerprint != opened(celeba).fingerprint
    check_dataset("faces", celeba, {"attribute": "Bald"})


def test_splits(celeba: Path) -> None:
    assert places(opened_as_before(celeba, split="train")) == ["000001.jpg", "000002.jpg"]
    assert places(opened(celeba, split="train")) == [f"img_align_celeba/00000{number}.jpg" for number in (1, 2)]
    test = opened(celeba, split="test", attribute="Smiling")
    assert places(test) == ["img_align_celeba/000004.jpg"] and test.labels == (1,)
    assert [(each.reason, each.count) for each in test.left_out if "split" in each.reason] == [
        ("not of the split test", 3)
    ]
    (celeba / "list_eval_partition.txt").write_text(PARTITION.replace("2\n", "1\n"))
    with pytest.raises(DataError, match=r"no image is of the split 'test' by .*list_eval_partition"):
        opened(celeba, split="test")


def test_a_split_that_is_none_of_celebas(celeba: Path) -> None:
    for rules in (2, 3):
        with pytest.raises(DataError, match=r"data\.split = 'foo': .*known: all, test, train, valid"):
            open_faces(celeba, Options(split="foo", rules=rules))
        with pytest.raises(DataError, match=r"data\.split = 'val': .*did you mean 'valid'"):
            open_faces(celeba, Options(split="val", rules=rules))


def test_tables_that_are_read_are_not_left_out(celeba: Path) -> None:
    (celeba / "list_bbox_celeba.txt").write_text("")

    def texts(root: Path, **options: object) -> list[tuple[int, str]]:
        left_out = opened(root, **options).left_out
        return [(each.count, each.example) for each in left_out if each.reason == ".txt files are no images"]

    assert texts(celeba) == [(3, "list_attr_celeba.txt")]
    assert texts(celeba, attribute="Bald") == [(2, "list_bbox_celeba.txt")]
    assert texts(celeba, split="train") == [(2, "list_attr_celeba.txt")]
    for root in (celeba, zipped(celeba, celeba / "all.zip")):
        assert texts(root, attribute="Bald", split="train") == [(1, "list_bbox_celeba.txt")]
    (celeba / "list_bbox_celeba.txt").unlink()
    assert texts(celeba, attribute="Bald", split="train") == []
    (celeba / "notes.csv").write_text("")
    (celeba / "people.csv").write_text("file,label\n000001.jpg,a\n")
    tables = [each for each in opened(celeba, labels="people.csv").left_out if each.reason.startswith("a table")]
    assert [(each.count, each.example) for each in tables] == [(1, "notes.csv")]


def test_other_places_and_forms_of_the_tables(celeba: Path) -> None:
    rows = [line.replace("  ", " ").replace(" ", ",") for line in ATTRIBUTES.splitlines()[1:]]
    (celeba / "list_attr_celeba.txt").unlink()
    table = "\n".join(["image_id," + rows[0], *rows[1:]])
    (celeba / "list_attr_celeba.csv").write_text(table)
    assert opened(celeba, attribute="Smiling").labels == (1, 0, 0, 1)
    (celeba / "list_eval_partition.txt").unlink()
    (celeba / "list_eval_partition.csv").write_text("image_id,partition\n" + PARTITION.replace(" ", ","))
    assert len(opened(celeba, split="train")) == 2

    (celeba / "Anno").mkdir()
    (celeba / "list_attr_celeba.csv").rename(celeba / "Anno" / "list_attr_celeba.csv")
    assert opened(celeba, attribute="Smiling").labels == (1, 0, 0, 1)
    assert opened(celeba / "img_align_celeba", split="valid").labels == ()

    for image in (celeba / "img_align_celeba").iterdir():
        image.rename(image.with_suffix(".png"))
    assert opened(celeba, attribute="Smiling").labels == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (ATTRIBUTES.replace("000002.jpg  1 -1  1\n", "").replace("4\n", "3\n", 1), "no row for the image .*000002.jpg"),
        (ATTRIBUTES[:55], r"line \d: 2 entries, not an image and 3 values"),
        (ATTRIBUTES.removesuffix("000004.jpg -1  1 -1\n"), "promises 4 images, it has 3"),
        (ATTRIBUTES.replace("000003.jpg -1 -1", "000003.jpg -1 maybe"), r"line 5: 'maybe' is no value of 'Smiling'"),
        (ATTRIBUTES.replace("Smiling", "Smile"), "no column 'Smiling'; did you mean 'Smile'"),
        ("", "no row for the image"),
        ("9" * 5000, "promises"),
    ],
)
def test_damaged_tables(celeba: Path, table: str, message: str) -> None:
    (celeba / "list_attr_celeba.txt").write_text(table)
    with pytest.raises(DataError, match=rf"list_attr_celeba\.txt.*{message}"):
        opened(celeba, attribute="Smiling")


def test_a_table_of_random_bytes(celeba: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    (celeba / "list_attr_celeba.txt").write_bytes(noise)
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt"):
        opened(celeba, attribute="Smiling")


def test_missing_tables(celeba: Path) -> None:
    (celeba / "list_attr_celeba.txt").unlink()
    (celeba / "list_eval_partition.txt").unlink()
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt, which CelebA brings, .* 'Smiling'"):
        opened(celeba, attribute="Smiling")
    with pytest.raises(DataError, match=r"list_eval_partition\.txt"):
        opened(celeba, split="train")


def test_an_archive_with_its_tables_or_beside_them(celeba: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    apart = tmp_path_factory.mktemp("apart")
    whole = zipped(celeba, apart / "archive.zip")
    smiling = opened(whole, attribute="Smiling", split="train")
    assert smiling.class_names == ("not Smiling", "Smiling") and smiling.labels == (1, 0)
    assert "labels from list_attr_celeba.txt: Smiling" in smiling.notes
    images = zipped(celeba / "img_align_celeba", celeba / "img_align_celeba.zip")
    assert opened(images, attribute="Smiling").labels == (1, 0, 0, 1)
    with pytest.raises(DataError, match=r"bare\.zip: list_attr_celeba\.txt, which CelebA brings"):
        opened(zipped(celeba / "img_align_celeba", apart / "bare.zip"), attribute="Smiling")


def test_what_lies_beside_celeba_is_left_out(celeba: Path) -> None:
    put(celeba, "thumbnail.png", ".hidden.png")
    found = opened(celeba)
    assert len(found) == 4 and found.class_names == ()
    reasons = {each.reason: each.example for each in found.left_out}
    assert reasons["not in img_align_celeba"] == "thumbnail.png" and reasons["hidden"] == ".hidden.png"


def test_labels_that_are_asked_for_stay_where_something_lies_beside_celeba(celeba: Path) -> None:
    put(celeba, "thumbnail.png")
    (celeba / "people.csv").write_text("file,label\n" + "".join(f"00000{n}.jpg,{n % 2}\n" for n in (1, 2, 3, 4)))
    found = opened(celeba, labels="people.csv")
    assert found.class_names == ("0", "1") and found.labels == (1, 0, 1, 0)
    put(celeba, "others/1.png")
    (celeba / "thumbnail.png").unlink()
    assert opened(celeba, labels="subfolders").class_names == ("img_align_celeba",)


def test_a_split_keeps_the_classes_that_it_has(celeba: Path) -> None:
    (celeba / "people.csv").write_text("file,label\n000001.jpg,c\n000002.jpg,a\n000003.jpg,b\n000004.jpg,a\n")
    train = opened(celeba, split="train", labels="people.csv")
    assert train.class_names == ("a", "c") and train.labels == (1, 0)
    check_dataset("faces", celeba, {"split": "train", "labels": "people.csv"})


def test_a_split_without_tables_is_a_subfolder(tmp_path: Path) -> None:
    put(tmp_path, "train/cat/1.png", "train/dog/1.png", "test/cat/2.png")
    train = opened(tmp_path, split="train")
    assert places(train) == ["train/cat/1.png", "train/dog/1.png"] and train.class_names == ("cat", "dog")


def test_arrays_have_no_attributes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 8, 8, 3), np.uint8))
    assert len(open_faces(tmp_path / "a.npy", Options())) == 4
    with pytest.raises(DataError, match=r"data\.attribute is for the image files of CelebA"):
        open_faces(tmp_path / "a.npy", Options(attribute="Smiling"))


def test_earlier_runs_find_what_they_found(celeba: Path) -> None:
    """Links to folders, which are followed now, and class folders sorted as text."""
    put(celeba, *(f"plain/{number}/1.png" for number in range(11)), "plain/0/x.jfif")
    (celeba / "plain" / "11").symlink_to(celeba / "plain" / "10", target_is_directory=True)
    for rules in (1, 2):
        before = opened_as_before(celeba / "plain", rules=rules)
        assert before.class_names == tuple(sorted(map(str, range(11)))) and len(before) == 11
        assert opened_as_before(celeba, attribute="Smiling", rules=rules).labels == (1, 0, 0, 1)
    assert opened(celeba / "plain").class_names == tuple(map(str, range(11)))
    assert places(opened(celeba / "plain"))[:2] == ["0/1.png", "0/x.jfif"]


@pytest.mark.parametrize(
    ("name", "value"), [("labels", "none"), ("pattern", "*.jpg"), ("background", "black"), ("value_range", [0, 4095])]
)
def test_earlier_rules_refuse_what_they_do_not_know(celeba: Path, name: str, value: object) -> None:
    with pytest.raises(DataError, match=rf"data\.{name} needs data\.rules = 3"):
        opened_as_before(celeba, **{name: value})


def test_a_plain_folder_keeps_its_cache(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    assert opened(tmp_path).fingerprint == opened_as_before(tmp_path).fingerprint


def test_the_entry() -> None:
    (entry,) = ganforge_datasets()
    assert entry.name == "faces" and entry.needs_path and not entry.downloads


def test_shared_faces(shared_data: Path, tmp_path: Path) -> None:
    image_set = opened(shared_data / "faces", part="all")
    assert len(image_set) == 4880
    few = image_set.only([index % 100 == 0 for index in range(4880)], "only a few are needed")
    prepared = prepare(few, name="faces", shape=(64, 64, 3), cache=tmp_path)
    assert prepared.images.shape == (49, 64, 64, 3) and not prepared.skipped
    assert 40 < prepared.images.std() < 100
