"""GIF and MP4: every frame there, of one size, in order; and what is said where there is no ffmpeg."""

import os
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import use_host, work_in
from PIL import Image

import ganforge
from ganforge.cli.main import cli
from ganforge.errors import GanforgeError, RunError
from ganforge.generation import animations
from ganforge.generation.animations import MOST, progress, save_gif, save_mp4
from ganforge.generation.latent_walks import Strip, frames, joined
from ganforge.training.observers import snapshots

GREYS = [0, 60, 120, 180, 240]


def sheets() -> list[Image.Image]:
    """Grey frames of growing brightness; the third is wider, the fourth higher."""
    sizes = [(21, 31), (21, 31), (25, 31), (21, 33), (21, 31)]
    return [Image.new("RGB", size, (grey,) * 3) for size, grey in zip(sizes, GREYS, strict=True)]


def test_a_gif_has_every_frame(tmp_path: Path) -> None:
    save_gif(sheets(), tmp_path / "new" / "x.gif", per_second=5)
    with Image.open(tmp_path / "new" / "x.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (5, (25, 33), 0)
        durations = []
        for number, grey in enumerate(GREYS):
            gif.seek(number)
            durations.append(gif.info["duration"])
            pixels = np.asarray(gif.convert("RGB"))
            assert (pixels[:31, :21] == grey).all()
        assert (pixels[:, 21:] == 240).all()  # made larger in its own color
    assert durations == [200, 200, 200, 200, 2000]


def test_an_mp4_has_every_frame(tmp_path: Path) -> None:
    """Read back by the same program: sizes are even, the last frame stays."""
    try:
        program = animations.ffmpeg()
    except GanforgeError as error:
        pytest.skip(str(error))
    save_mp4(sheets(), tmp_path / "x.mp4", per_second=5)
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]
    command = [program, "-loglevel", "error", "-i", tmp_path / "x.mp4", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    found = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8)
    films = found.reshape(-1, 34, 26)
    assert len(films) == 4 + 10
    assert np.abs(films[:, 15, 10].astype(int) - [*GREYS[:4], *[240] * 10]).max() <= 4


def test_without_ffmpeg_the_way_to_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animations, "which", lambda name: None)
    monkeypatch.setattr(animations, "find_spec", lambda name: None)
    with pytest.raises(GanforgeError, match=r"pip install 'ganforge\[video\]', or put ffmpeg on PATH"):
        save_mp4(sheets(), tmp_path / "x.mp4")


def standing_in(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(animations, "which", lambda name: str(program))


FAILING = {
    "late": "cat > /dev/null; touch {partial}; echo 'Unknown encoder libx264' >&2; exit 1",
    "at once": "touch {partial}; echo 'Unknown encoder libx264' >&2; exit 1",
}


@pytest.mark.parametrize("script", FAILING.values(), ids=list(FAILING))
def test_an_ffmpeg_that_fails(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standing_in(script.format(partial=f'"$(dirname $0)/.x.{os.getpid()}.mp4"'), tmp_path, monkeypatch)
    frames = sheets() * 40  # more than a pipe holds
    with pytest.raises(RunError, match=r"x\.mp4 cannot be written: ffmpeg says Unknown encoder libx264$"):
        save_mp4(frames, tmp_path / "x.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]


def test_an_ffmpeg_that_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animations, "which", lambda name: str(tmp_path / "gone"))
    with pytest.raises(RunError, match=r"x\.mp4 cannot be written: No such file or directory"):
        save_mp4(sheets(), tmp_path / "x.mp4")


def test_the_frames_of_an_mp4_are_not_joined_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standing_in('cat > "$(dirname $0)/all"; cp "$(dirname $0)/all" "$(dirname $0)"/.x.*.mp4', tmp_path, monkeypatch)
    (tmp_path / f".x.{os.getpid()}.mp4").touch()
    frames = [Image.new("L", (200, 200), grey % 256) for grey in range(300)]
    tracemalloc.start()
    try:
        save_mp4(frames, tmp_path / "x.mp4")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "x.mp4").stat().st_size == 309 * 200 * 200 * 3
    assert peak < 10 * 200 * 200 * 3


# Of a run and of walks -----------------------------------------------------------------------------------------------


def test_the_progress_is_all_grids_in_order(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no sample grids yet"):
        progress(tmp_path)
    (tmp_path / "samples").mkdir()
    for step in range(0, 2 * MOST):
        Image.new("L", (2, 2), step % 256).save(tmp_path / "samples" / f"step-{step:08d}.png")
    Image.new("L", (2, 2)).save(tmp_path / "samples" / "real.png")
    shown = [np.asarray(frame)[0, 0, 0] for frame in progress(tmp_path)]
    assert len(shown) == MOST
    assert (shown[0], shown[-1]) == (0, (2 * MOST - 1) % 256)
    (tmp_path / "samples" / "step-00000000.png").write_bytes(b"\x89PNG")
    with pytest.raises(RunError, match=r"cannot be read: .*step-00000000\.png: not an image"):
        progress(tmp_path)


def strip(*greys: int) -> Strip:
    return Strip(name="x", images=np.stack([np.full((8, 8, 1), grey, np.uint8) for grey in greys]))


def test_a_way_passes_by_each_seed_once() -> None:
    ways = joined([strip(1, 2, 3), strip(3, 4, 5), strip(6, 7, 8), strip(8, 9, 10)], 2)
    assert [way.images[:, 0, 0, 0].tolist() for way in ways] == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


def test_a_frame_is_one_step_of_all_strips() -> None:
    shown = [np.asarray(frame) for frame in frames([strip(10, 20), strip(30, 40)])]
    assert [(frame[20, -20, 0], frame[-20, -20, 0]) for frame in shown] == [(10, 30), (20, 40)]


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work_in(tmp_path, monkeypatch)
    use_host(monkeypatch).add("snapshots", lambda: snapshots)
    ganforge.train("./r.toml", out="run", overrides={"run": {"sample_every": 3}})
    for name, count, arguments in (
        ("t.gif", 4, ["traverse", "run", "--dim", "0,1", "--steps", "4"]),
        ("l.gif", 3, ["traverse", "run", "--labels", "0-2"]),
        ("i.gif", 7, ["interpolate", "run", "--seeds", "3,8,21", "--steps", "4"]),
        ("h.gif", 4, ["history", "run"]),
    ):
        answer = CliRunner().invoke(cli, [*arguments, "--gif", name], catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        with Image.open(name) as gif:
            assert 1 < gif.n_frames <= count  # Pillow makes one of two equal frames

    monkeypatch.setattr(animations, "which", lambda name: None)
    monkeypatch.setattr(animations, "find_spec", lambda name: None)
    answer = CliRunner().invoke(cli, ["history", "run", "--gif", "late.gif", "--mp4", "late.mp4"])
    assert (answer.exit_code, "ganforge[video]" in answer.output) == (1, True)
    assert not list(tmp_path.glob("late.*"))  # said before anything is drawn
