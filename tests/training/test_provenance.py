"""What a run was made with: recorded, and compared when it goes on."""

import json
import platform
import subprocess
from pathlib import Path

import numpy as np
import pytest
from fakes import use_host, work_in

import ganforge
from ganforge.training import provenance


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch)


def lines(folder: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (Path(folder) / provenance.NAME).read_text().splitlines()]


def test_a_run_records_what_it_was_made_with(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *identity, *arguments], check=True, cwd=place)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True, cwd=place)
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/ganforge", "train", "--set", "a b=1"])
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    ganforge.train("./r.toml", out="out", device="cpu")
    (line,) = lines("out")
    assert line["ganforge"] == ganforge.__version__
    assert line["python"] == platform.python_version()
    assert line["framework"] == {"backend": "fake", "numpy": np.__version__}
    assert line["command"] == "ganforge train --set 'a b=1'"
    assert line["commit"] == head.stdout.strip()
    assert line["device"] == "cpu"
    assert line["threads"] == {"processors": provenance.os.cpu_count(), "OMP_NUM_THREADS": "3"}
    assert str(line["date"]).endswith("+00:00")


def test_resume_says_what_differs_and_adds_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    host = use_host(monkeypatch)
    said: list[str] = []
    host.warn = said.append
    ganforge.train("./r.toml", out="out", steps=4)
    ganforge.resume("out", steps=5)
    assert said == []
    before = lines("out")[-1] | {"python": "3.0", "ganforge": "0.0"}
    (Path("out") / provenance.NAME).write_text(json.dumps(before) + "\n")
    ganforge.resume("out", steps=6)
    (words,) = said
    assert f"python: 3.0, now {platform.python_version()}" in words
    assert f"ganforge: 0.0, now {ganforge.__version__}" in words
    assert "platform" not in words
    assert len(lines("out")) == 2


@pytest.mark.parametrize("content", [None, "", "{", "[1]\n", "\xff"])
def test_an_old_run_has_none_and_a_damaged_one_is_passed_by(
    content: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ganforge.train("./r.toml", out="out", steps=4)
    path = Path("out") / provenance.NAME
    path.unlink()
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    assert ganforge.resume("out", steps=5).step == 5


def test_a_line_that_was_cut_short_takes_none_with_it(place: Path) -> None:
    path = place / provenance.NAME
    for before in (b"", b'{"python": "3.1"}\n', b'{"python": "3.1"}\n{"pyth'):
        path.write_bytes(before)
        provenance.record(place, {"python": "3.2"})
        assert path.read_bytes().startswith(before)
        assert provenance.last(place) == {"python": "3.2"}


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    ganforge.train("./r.toml", out="out", steps=2)
    assert lines("out")[0]["commit"] is None
