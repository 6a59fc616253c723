"""A file is the old one or the new one, whatever happens while it is written."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ganforge._io.files import flush, sweep, write_whole
from ganforge.errors import RunError


def full(*args: Any, **kwargs: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_written_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "x.bin"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("broken", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.open"])
def test_a_full_disk_leaves_the_old_file(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(broken, full)
        with pytest.raises(RunError, match=r"x.bin cannot be written: No space left on device"):
            write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_flushed_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (done.append("replace"), replace(self, to))[1])
    write_whole(tmp_path / "x", b"new")
    assert done == ["fsync", "replace", "fsync"]  # the file, its place, the folder


def test_below_a_file_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match="cannot be written"):
        write_whole(tmp_path / "file" / "x", b"new")


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(RunError, match="Is a directory"):
        write_whole(tmp_path / "x", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_what_killed_processes_left_is_swept_up(tmp_path: Path) -> None:
    """And nothing that has its name."""
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / ".step.png.4711.partial").write_text("half")
    (tmp_path / ".step-00000010.partial").mkdir()
    (tmp_path / ".step-00000010.partial" / "state").write_text("half")
    kept = [tmp_path / name for name in (".hidden", "mine.partial", "samples/step.png")]
    for path in kept:
        path.write_text("mine")
    sweep(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)
    assert not (tmp_path / ".step-00000010.partial").exists()


def test_flush_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else None
    flush(tmp_path)
    if before is not None:
        assert len(list(Path("/proc/self/fd").iterdir())) == before
