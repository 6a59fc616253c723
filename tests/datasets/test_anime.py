"""The data set anime."""

import zipfile
from pathlib import Path
from typing import Literal

import pytest
from ganforge_anime import Options, ganforge_datasets, open_anime
from PIL import Image

from ganforge.data import Describes, ImageFolder
from ganforge.errors import DataError
from ganforge.testing import check_dataset


def test_all_images_below_the_folder_without_labels(tmp_path: Path) -> None:
    for name in ("one/b.png", "two/a.png", "c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (12, 12), (9, 9, 9)).save(tmp_path / name)
    image_set = open_anime(tmp_path, Options())
    assert [image_set.where(index) for index in range(len(image_set))] == ["c.png", "one/b.png", "two/a.png"]
    assert image_set.class_names == ()
    check_dataset("anime", tmp_path)


def test_it_is_read_as_any_folder_but_by_earlier_runs(tmp_path: Path) -> None:
    for name in ("a.png", "b.jfif", ".c.png"):
        Image.new("RGB", (12, 12), (9, 9, 9)).save(tmp_path / name, "PNG")
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "a.png")
    found = open_anime(tmp_path, Options())
    assert isinstance(found, Describes) and [each.reason for each in found.left_out][1:] == ["hidden"]
    assert len(found) == 2 and len(open_anime(tmp_path / "faces.zip", Options())) == 1
    for rules in (1, 2):
        before = open_anime(tmp_path, Options(rules=rules))
        assert isinstance(before, ImageFolder) and before.where(0) == "a.png" and len(before) == 1


@pytest.mark.parametrize("rules", [1, 2])
def test_earlier_rules_refuse_what_they_do_not_know(tmp_path: Path, rules: Literal[1, 2]) -> None:
    (tmp_path / "train").mkdir()
    Image.new("RGB", (12, 12)).save(tmp_path / "train" / "a.png")
    assert len(open_anime(tmp_path, Options(rules=rules, labels="subfolders", pattern="train/*"))) == 1
    with pytest.raises(DataError, match=r"data\.split needs data\.rules = 3"):
        open_anime(tmp_path, Options(rules=rules, split="train"))
    with pytest.raises(DataError, match=r"data\.labels = 'a\.csv' needs data\.rules = 3"):
        open_anime(tmp_path, Options(rules=rules, labels="a.csv"))


def test_a_wrong_path_says_how_such_a_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ganforge data crop"):
        open_anime(tmp_path / "gone", Options())
    with pytest.raises(DataError, match="no images"):
        open_anime(tmp_path, Options())


def test_the_entry() -> None:
    (entry,) = ganforge_datasets()
    assert entry.name == "anime" and entry.needs_path and not entry.downloads


def test_shared_anime(shared_data: Path) -> None:
    image_set = open_anime(shared_data / "anime", Options())
    assert len(image_set) == 9000
    assert image_set.read(8999).shape == (96, 96, 3)
