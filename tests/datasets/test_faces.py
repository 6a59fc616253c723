"""The data set faces: folders, parts of them, and CelebA's tables."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from ganforge_faces import Options, ganforge_datasets, open_faces
from PIL import Image

from ganforge.data.folders import ImageFolder
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


def opened(root: Path, **options: str) -> ImageFolder:
    image_set = open_faces(root, msgspec.convert(options, Options))
    assert isinstance(image_set, ImageFolder)
    return image_set


def places(image_set: ImageFolder) -> list[str]:
    return [image_set.where(index) for index in range(len(image_set))]


def test_one_part_or_all(tmp_path: Path) -> None:
    put(tmp_path, "A/1.jpg", "A/2.jpg", "B/1.jpg")
    assert places(opened(tmp_path, part="A")) == ["1.jpg", "2.jpg"]
    assert opened(tmp_path, part="A").class_names == ()
    everything = opened(tmp_path)
    assert everything.class_names == ("A", "B") and everything.labels == (0, 0, 1)


def test_parts_that_are_not_there(tmp_path: Path) -> None:
    put(tmp_path, "partA/1.jpg")
    with pytest.raises(DataError, match=r"no such folder .*did you mean .*partA\?"):
        opened(tmp_path, part="partB")
    for outside in ("..", "partA/..", "/", "", "."):
        with pytest.raises(DataError, match="must be the name of a subfolder"):
            opened(tmp_path, part=outside)


def test_an_attribute_becomes_the_label(celeba: Path) -> None:
    smiling = opened(celeba, attribute="Smiling")
    assert smiling.class_names == ("not Smiling", "Smiling")
    assert smiling.labels == (1, 0, 0, 1)
    assert opened(celeba, attribute="Young").labels == (1, 1, 0, 0)
    assert opened(celeba).class_names == ()
    assert smiling.fingerprint != opened(celeba, attribute="Young").fingerprint != opened(celeba).fingerprint
    check_dataset("faces", celeba, {"attribute": "Bald"})


def test_splits(celeba: Path) -> None:
    assert places(opened(celeba, split="train")) == ["000001.jpg", "000002.jpg"]
    test = opened(celeba, split="test", attribute="Smiling")
    assert places(test) == ["000004.jpg"] and test.labels == (1,)
    (celeba / "list_eval_partition.txt").write_text(PARTITION.replace("2\n", "1\n"))
    with pytest.raises(DataError, match=r"no image is of the split 'test' by .*list_eval_partition"):
        opened(celeba, split="test")


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
        (ATTRIBUTES.replace("000002.jpg  1 -1  1\n", "").replace("4\n", "3\n", 1), "no row for the image 000002.jpg"),
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


def test_the_entry() -> None:
    (entry,) = ganforge_datasets()
    assert entry.name == "faces" and entry.needs_path and not entry.downloads


def test_shared_faces(shared_data: Path, tmp_path: Path) -> None:
    image_set = opened(shared_data / "faces", part="all")
    assert len(image_set) == 4880
    few = ImageFolder(root=image_set.root, files=image_set.files[::100])
    prepared = prepare(few, name="faces", shape=(64, 64, 3), cache=tmp_path)
    assert prepared.images.shape == (49, 64, 64, 3) and not prepared.skipped
    assert 40 < prepared.images.std() < 100
