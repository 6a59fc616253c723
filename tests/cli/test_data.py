"""`ganforge data`: info and preview of every set, fetch and crop."""

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from frameworks import need
from PIL import Image

from ganforge import hookimpl
from ganforge.cli.main import cli
from ganforge.data.contract import DatasetEntry, Download
from ganforge.data.face_cropping import Box, Detector, crop_faces
from ganforge.data.image_files import read_image
from ganforge.errors import DataError
from ganforge.plugins import host as plugins


def run(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def facts(*arguments: str | Path) -> dict[str, object]:
    (row,) = json.loads(run("data", "info", *arguments, "--json").stdout)
    assert isinstance(row, dict)
    return row


@pytest.mark.parametrize("command", ["info", "preview", "export"])
def test_a_path_in_place_of_the_name(command: str, tmp_path: Path) -> None:
    assert f"give it as --data {tmp_path}" in run("data", command, tmp_path, code=2).output


def test_shared_sets(shared_data: Path) -> None:
    frogs = facts("cifar10", "--data", shared_data / "cifar10", "--set", "data.classes=frog,cat")
    assert frogs["classes"] == {"frog": 5000, "cat": 400}
    assert facts("faces", "--data", shared_data / "faces", "--set", "data.part=all")["images"] == 4880
    assert facts("anime", "--data", shared_data / "anime")["images"] == 9000
    assert len(facts("mnist", "--data", shared_data / "mnist")["downloads"]) == 4


def test_classes_from_the_command_line(shared_data: Path) -> None:
    place = ("--data", shared_data / "cifar10", "--set")
    assert facts("cifar10", *place, 'data.classes=["cat", "frog"]')["classes"] == {"cat": 400, "frog": 5000}
    assert "did you mean 'frog'" in run("data", "info", "cifar10", *place, "data.classes=frogs", code=1).output
    assert "unknown key 'clases'" in run("data", "info", "cifar10", *place, "data.clases=frog", code=1).output


def test_preview_lists_what_is_skipped(shared_data: Path, tmp_path: Path) -> None:
    result = run("data", "preview", "faces", "--data", shared_data / "faults", "--out", tmp_path / "grid.png")
    assert "skipped truncated.jpg: " in result.stderr and "4 skipped" in result.stdout
    assert (tmp_path / "grid.png").exists()


def test_damaged_notes_of_a_camera_are_not_worth_a_line(tmp_path: Path) -> None:
    notes = Image.Exif()
    notes[0x010E] = "a description"
    (tmp_path / "in").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "in" / "a.jpg", exif=notes.tobytes()[:-4])
    command = [sys.executable, "-m", "ganforge", "data", "preview", "folder", "--data", "in"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# fetch


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served, with the one file of the data set 'served'."""
    folder = tmp_path / "served"
    folder.mkdir()
    content = b"images" * 1000
    (folder / "served.bin").write_bytes(content)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    download = Download(
        url=f"http://127.0.0.1:{server.server_port}/served.bin",
        file="served.bin",
        size=len(content),
        checksum=f"sha256:{hashlib.sha256(content).hexdigest()}",
    )

    class Plugin:
        @hookimpl
        def ganforge_datasets(self) -> list[DatasetEntry]:
            entry = DatasetEntry(
                name="served", summary="a file", license="CC0", source="here", open=lambda path, options: None,
                downloads=(download,),
            )  # fmt: skip
            return [entry]

    host = plugins.new_host()
    host.add("served", Plugin)
    monkeypatch.setattr(plugins, "default_host", lambda: host)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.chdir(tmp_path)
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_fetch(source: Path, tmp_path: Path) -> None:
    result = run("data", "fetch", "served")
    assert "here; terms: CC0" in result.stdout
    assert "data/served/served.bin: downloaded, 6,000 bytes" in result.stdout
    assert "ganforge data info served --data data/served" in result.stdout
    assert (tmp_path / "data" / "served" / "served.bin").read_bytes() == (source / "served.bin").read_bytes()
    assert "was there already" in run("data", "fetch", "served").stdout
    run("data", "fetch", "served", "--to", "elsewhere")
    assert [file.name for file in (tmp_path / "elsewhere").iterdir()] == ["served.bin"]


def test_fetch_says_what_is_wrong(source: Path, tmp_path: Path) -> None:
    (source / "served.bin").write_bytes(b"images" * 999 + b"otherone")
    assert "not the published file" in run("data", "fetch", "served", code=1).stderr
    (source / "served.bin").unlink()
    assert "the server answers 404" in run("data", "fetch", "served", code=1).stderr
    assert not list((tmp_path / "data" / "served").iterdir())
    assert "'digits' has no download; its source: https" in run("data", "fetch", "digits", code=1).stderr
    assert "did you mean" in run("data", "fetch", "mnst", code=1).stderr


# crop


def found(*boxes: Box) -> Detector:
    return lambda grey: list(boxes)


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    """An image of 100x60 in a subfolder, its pixels (column, row, 0), and a broken one."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    rows, columns = np.mgrid[:60, :100]
    pixels = np.stack([columns, rows, 0 * rows], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in" / "sub" / "a.png")
    (tmp_path / "in" / "b.jpg").write_bytes(b"")
    return tmp_path / "in"


def test_faces_are_cut_out_squared_and_padded(drawing: Path, tmp_path: Path) -> None:
    boxes = ((40, 20, 20, 20), (10, 5, 10, 20), (90, 50, 10, 10), (0, 0, 100, 60))
    cropped = list(crop_faces(drawing, tmp_path / "out", found(*boxes), size=20, padding=0))
    assert [(each.where, each.reason) for each in cropped] == [("b.jpg", "the file is empty"), ("sub/a.png", "")]
    files = cropped[1].faces
    assert [str(file.relative_to(tmp_path / "out")) for file in files] == [f"sub/a.png-{n}.png" for n in (1, 2, 3, 4)]
    corners = [read_image(file, file.name)[0, 0].tolist() for file in files]
    # From the top: the whole height around the middle; 10 wide, squared to 20; the plain one.
    assert corners[1:3] == [[5, 5, 0], [40, 20, 0]] and corners[0] == pytest.approx([20, 0, 0], abs=1)
    assert {read_image(file, file.name).shape for file in files} == {(20, 20, 3)}

    (_, padded) = crop_faces(
        drawing, tmp_path / "padded", found((40, 20, 20, 20), (90, 50, 10, 10)), size=30, padding=0.25
    )
    corners = [read_image(file, file.name)[0, 0].tolist() for file in padded.faces]
    assert corners[0] == [35, 15, 0]
    assert corners[1] == pytest.approx([85, 45, 0], abs=1)  # at the edge it is moved, not filled up


def test_no_face(drawing: Path, tmp_path: Path) -> None:
    cropped = list(crop_faces(drawing, tmp_path / "out", found(), size=20, padding=0))
    assert cropped[1].reason == "no face was found" and not (tmp_path / "out").exists()


def test_places_that_are_refused(drawing: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(drawing / "sub")
    for inside in (drawing, drawing / "out", drawing / "sub" / ".." / "out", tmp_path / "link" / "out"):
        with pytest.raises(DataError, match="Name a folder outside"):
            crop_faces(drawing, inside, found(), size=20, padding=0)
    for taken in (tmp_path, drawing / "b.jpg"):
        with pytest.raises(DataError, match=r"is no empty folder|Name a folder outside"):
            crop_faces(drawing, taken, found(), size=20, padding=0)
    with pytest.raises(DataError, match="no such file or folder"):
        crop_faces(tmp_path / "gone", tmp_path / "out", found(), size=20, padding=0)
    np.save(tmp_path / "a.npy", np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(DataError, match="holds arrays"):
        crop_faces(tmp_path / "a.npy", tmp_path / "out", found(), size=20, padding=0)


def test_an_archive_is_cropped_as_its_folder(drawing: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "drawings"), "zip", drawing)
    cropped = list(crop_faces(Path(archive), tmp_path / "out", found((40, 20, 20, 20)), size=20, padding=0))
    assert [(each.where, each.reason) for each in cropped] == [("b.jpg", "the file is empty"), ("sub/a.png", "")]
    assert (tmp_path / "out" / "sub" / "a.png-1.png").is_file()


def test_crop_with_opencv(shared_data: Path, tmp_path: Path) -> None:
    need("cv2")
    faces = sorted((shared_data / "faces" / "all").glob("00001*.jpg"))[:4]
    sheet = Image.new("RGB", (300, 300), (90, 120, 90))
    for number, face in enumerate(faces):
        sheet.paste(Image.fromarray(read_image(face, face.name)), (number % 2 * 160 + 20, number // 2 * 160 + 20))
    (tmp_path / "in").mkdir()
    sheet.save(tmp_path / "in" / "sheet.png")
    Image.new("RGB", (1, 1)).save(tmp_path / "in" / "tiny.png")
    Image.new("L", (200, 100), 128).save(tmp_path / "in" / "wall.png")
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")

    result = run("data", "crop", tmp_path / "in", tmp_path / "out", "--size", "64", "--min-size", "30")
    made = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in made] == [f"sheet.png-{number}.png" for number in (1, 2, 3, 4)]
    assert {read_image(file, file.name).shape for file in made} == {(64, 64, 3)}
    assert "4 faces from 4 images; 3 images skipped" in result.stdout
    assert "skipped tiny.png: no face" in result.stderr and "skipped broken.png: not an image" in result.stderr
    assert "no empty folder" in run("data", "crop", tmp_path / "in", tmp_path / "out", code=1).stderr
    none = run("data", "crop", tmp_path / "in", tmp_path / "big", "--min-size", "250", code=1)
    assert "no face in any of 4 images" in none.stderr and not (tmp_path / "big").exists()


def test_cascades_that_are_refused(tmp_path: Path) -> None:
    need("cv2")
    (tmp_path / "bad.xml").write_text("no cascade")
    (tmp_path / "other.xml").write_text("<?xml version='1.0'?><opencv_storage><x>1</x></opencv_storage>")
    for name, message in (("gone", "no such cascade file"), ("bad", "not a cascade"), ("other", "not a cascade")):
        options = ("--cascade", tmp_path / f"{name}.xml")
        answer = run("data", "crop", tmp_path, tmp_path / "out", *options, code=1).stderr
        assert message in answer and len(answer.splitlines()) == 1


def test_without_opencv_the_way_to_install_it(tmp_path: Path) -> None:
    """In an interpreter of its own: nothing else needs OpenCV, and nothing else imports it."""
    code = """
import sys
from click.testing import CliRunner
from ganforge.cli.main import cli
assert CliRunner().invoke(cli, ["data", "crop", "--help"]).exit_code == 0
assert "cv2" not in sys.modules
sys.modules["cv2"] = None
result = CliRunner().invoke(cli, ["data", "crop", "in", "out"])
assert result.exit_code == 1 and "pip install 'ganforge[crop]'" in result.output, result.output
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
