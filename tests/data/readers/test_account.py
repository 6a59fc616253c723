"""What is taken, what is left out and why, and what is changed on the way."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganforge.data.image_files import _SUFFIXES, readable_suffixes
from ganforge.data.preparing import image_channels
from ganforge.data.readers.file_set import FileSet
from ganforge.data.readers.opening import open_images
from ganforge.data.reading_settings import OpenOptions
from ganforge.data.survey import Account, take_account, told
from ganforge.errors import DataError
from ganforge.generation.grids import grid, save_png
from tests.support.image_files import PIXELS, png, put


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield


def left_out(root: Path, **options: object) -> dict[str, tuple[int, str]]:
    image_set = open_images(root, OpenOptions(**options))  # type: ignore[arg-type]
    assert isinstance(image_set, FileSet)
    return {each.reason: (each.count, each.example) for each in image_set.left_out}


def account(root: Path, **options: object) -> Account:
    return take_account(open_images(root, OpenOptions(**options)))  # type: ignore[arg-type]


def test_every_reason(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a.png",
        ".b.png",
        ".git/c.png",
        ".git/d.png",
        "Thumbs.db",
        "e.tga",
        "f.psd",
        "notes.txt",
        "noname",
        "g.zip",
    )
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.png")
    found = left_out(tmp_path)
    assert found["hidden"][0] == 4
    assert found[".tga images are not read; convert them"] == (1, "e.tga")
    assert found[".psd images are not read; convert them"] == (1, "f.psd")
    assert found[".txt files are no images"] == (1, "notes.txt")
    assert found["no suffix; --set data.by_content=true looks inside"] == (1, "noname")
    assert found["an archive inside; give its own path to --data"] == (1, "g.zip")
    assert found.get("no regular file", (1, "pipe.png")) == (1, "pipe.png")
    assert len(open_images(tmp_path)) == 1


def test_by_content(tmp_path: Path) -> None:
    put(tmp_path, "noname", "deep/other")
    (tmp_path / "text").write_text("hello")
    assert len(open_images(tmp_path, OpenOptions(by_content=True))) == 2
    assert left_out(tmp_path, by_content=True)["no suffix; --set data.by_content=true looks inside"] == (1, "text")


def test_formats_that_pillow_has(tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS[0])
    for suffix, form in ((".avif", "AVIF"), (".jfif", "JPEG"), (".jpe", "JPEG"), (".jp2", "JPEG2000"), (".PCX", "PCX")):
        image.save(tmp_path / f"x{suffix}", form)
    image_set = open_images(tmp_path)
    assert len(image_set) == 5 and all(image_set.read(at).shape == (10, 14, 3) for at in range(5))


def test_suffixes_are_all_that_pillow_has_for_these_formats() -> None:
    Image.init()
    for suffix, form in Image.registered_extensions().items():
        if form in _SUFFIXES and suffix != ".pfm":  # floating point
            assert suffix in readable_suffixes(), suffix


def test_heif(tmp_path: Path) -> None:
    (put(tmp_path, "a.png") / "b.heic").write_bytes(b"\0\0\0\x18ftypheic")
    if ".heic" in readable_suffixes():
        assert len(open_images(tmp_path)) == 2
    else:
        assert left_out(tmp_path)[".heic needs: pip install pillow-heif"] == (1, "b.heic")


def test_what_ganforge_wrote(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png", "dog/b.png", "runs/00000-x/samples/step.png", "runs/00000-x/samples/real.png")
    (tmp_path / "runs" / "00000-x" / "recipe.toml").write_text("")
    save_png(grid(PIXELS), tmp_path / "preview.png")
    image_set = open_images(tmp_path)
    assert image_set.class_names == ("cat", "dog") and len(image_set) == 2
    assert left_out(tmp_path)["written by ganforge"][0] == 4


def test_links_to_folders_are_followed_once_and_told(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "a.png")
    put(tmp_path / "set", "b.png")
    (tmp_path / "set" / "one").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "set" / "two").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "set" / "loop").symlink_to(tmp_path / "set", target_is_directory=True)
    image_set = open_images(tmp_path / "set")
    assert isinstance(image_set, FileSet)
    assert [file.name for file in image_set.files] == ["b.png", "one/a.png"]
    assert image_set.notes[0].startswith("followed the link one to ")
    assert left_out(tmp_path / "set")["a link to a folder that is taken already"][0] == 2


def test_one_grey_file_does_not_make_all_grey(tmp_path: Path) -> None:
    put(tmp_path, *(f"b{number}.png" for number in range(5)))
    (tmp_path / "a.png").write_bytes(png(PIXELS[0, :, :, 0]))
    image_set = open_images(tmp_path)
    assert image_channels(image_set) == 3
    looks = account(tmp_path).looks
    assert looks is not None and (looks.grey, looks.color) == (1, 5)
    assert any("5 images in color, 1 grey: all become color" in line for line in told(account(tmp_path)))
    for number in range(5):
        (tmp_path / f"b{number}.png").unlink()
    assert image_channels(open_images(tmp_path)) == 1


def test_twelve_bits_in_sixteen(tmp_path: Path) -> None:
    deep = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(deep).save(tmp_path / "a.png")
    assert open_images(tmp_path).read(0).max() <= 16
    (line,) = (line for line in told(account(tmp_path)) if "more than 8 bits" in line)
    assert "largest value 4,095: they come out nearly black" in line and "--set 'data.value_range=[0, 4095]'" in line
    ranged = open_images(tmp_path, OpenOptions(value_range=(0, 4095)))
    np.testing.assert_array_equal(ranged.read(0)[..., 0], np.floor(deep / 4095 * 255 + 0.5))
    assert not any("black" in line for line in told(account(tmp_path, value_range=(0, 4095)), ranged=True))
    with pytest.raises(DataError, match=r"pixels from 0 to 4095 lie outside data\.value_range \(0, 1000\)"):
        open_images(tmp_path, OpenOptions(value_range=(0, 1000))).read(0)


def test_floating_point_with_a_range(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.0, 0.5], [1.0, 0.25]], np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"--set 'data.value_range=\[0, 1\]'"):
        open_images(tmp_path).read(0)
    assert open_images(tmp_path, OpenOptions(value_range=(0, 1))).read(0).ravel().tolist() == [0, 128, 255, 64]


def test_transparency_and_its_background(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert any("1 image with transparency: shown over white" in line for line in told(account(tmp_path)))
    assert (open_images(tmp_path, OpenOptions(background="#ff8000")).read(0) == (255, 128, 0)).all()
    assert open_images(tmp_path).fingerprint != open_images(tmp_path, OpenOptions(background="black")).fingerprint
    with pytest.raises(DataError, match=r"data\.background: 'qqq' is not a color"):
        open_images(tmp_path, OpenOptions(background="qqq"))


def test_the_size_limit_is_an_option(tmp_path: Path) -> None:
    Image.new("1", (1500, 1000)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"1500x1000 pixels; the limit is 1,000,000 .*data\.megapixels"):
        open_images(tmp_path, OpenOptions(megapixels=1)).read(0)
    assert open_images(tmp_path, OpenOptions(megapixels=2)).read(0).shape == (1000, 1500, 1)


def test_larger_than_pillow_s_own_limit(tmp_path: Path) -> None:
    Image.new("1", (10_000, 9_500)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="the limit is 80,000,000"):
        open_images(tmp_path).read(0)
    assert open_images(tmp_path, OpenOptions(megapixels=100)).read(0).shape == (9_500, 10_000, 1)


def test_an_account_is_kept_and_unreadable_files_are_counted(tmp_path: Path) -> None:
    (put(tmp_path / "set", "a.png", "b.png") / "c.png").write_bytes(b"no image")
    first = account(tmp_path / "set")
    assert first.images == 3 and first.looks is not None and first.looks.unreadable == 1
    kept = list(Path(os.environ["GANFORGE_CACHE"]).glob("account-*.json"))
    assert len(kept) == 1
    kept[0].write_text('{"grey": 77}')
    again = account(tmp_path / "set").looks
    assert again is not None and again.grey == 77
    kept[0].write_text("nonsense")
    assert account(tmp_path / "set") == first
