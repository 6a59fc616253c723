"""The data set anime."""

from pathlib import Path

import pytest
from ganforge_anime import ganforge_datasets, open_anime
from PIL import Image

from ganforge.data.contract import NoOptions
from ganforge.errors import DataError
from ganforge.testing import check_dataset


def test_all_images_below_the_folder_without_labels(tmp_path: Path) -> None:
    for name in ("one/b.png", "two/a.png", "c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (12, 12), (9, 9, 9)).save(tmp_path / name)
    image_set = open_anime(tmp_path, NoOptions())
    assert [image_set.where(index) for index in range(len(image_set))] == ["c.png", "one/b.png", "two/a.png"]
    assert image_set.class_names == ()
    check_dataset("anime", tmp_path)


def test_a_wrong_path_says_how_such_a_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ganforge data crop"):
        open_anime(tmp_path / "gone", NoOptions())
    with pytest.raises(DataError, match="no images"):
        open_anime(tmp_path, NoOptions())


def test_the_entry() -> None:
    (entry,) = ganforge_datasets()
    assert entry.name == "anime" and entry.needs_path and not entry.downloads


def test_shared_anime(shared_data: Path) -> None:
    image_set = open_anime(shared_data / "anime", NoOptions())
    assert len(image_set) == 9000
    assert image_set.read(8999).shape == (96, 96, 3)
