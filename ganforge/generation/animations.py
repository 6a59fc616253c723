"""Animations: images one after another, as a GIF by Pillow or as an MP4 by ffmpeg, where there is one.

imageio_ffmpeg finds ffmpeg. Its `write_frames` is not used: it does not look whether ffmpeg failed, as on a full disk.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from io import BytesIO
from itertools import chain, repeat
from pathlib import Path
from shutil import which
from subprocess import PIPE, Popen
from tempfile import TemporaryFile

import numpy as np
from PIL import Image

from ganforge._io.files import write_whole
from ganforge.data.image_files import read_image
from ganforge.errors import DataError, GanforgeError, RunError

_HOLD = 10
"""For so many frames the last one stays."""
MOST = 300
"""Frames of a run's progress at most: spread evenly over its grids where there are more."""


def save_gif(frames: Sequence[Image.Image], path: Path, *, per_second: int = 10) -> None:
    """Write a GIF that begins again after its end.

    Raises:
        RunError: it cannot be written.
    """
    first, *rest = _sheets(frames, _common_size(frames))
    duration = 1000 // per_second
    durations = [duration] * len(rest) + [duration * _HOLD]
    buffer = BytesIO()
    first.save(buffer, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0)
    write_whole(path, buffer.getvalue())


def save_mp4(frames: Sequence[Image.Image], path: Path, *, per_second: int = 10) -> None:
    """Write an MP4 (H.264) that any player shows.

    Raises:
        GanforgeError: there is no ffmpeg; the message says how to get one.
        RunError: it cannot be written.
    """
    program = ffmpeg()
    width, height = size = _common_size(frames, multiple=2)  # H.264 in 4:2:0 halves both sides
    partial = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
    command = [
        *(program, "-y", "-loglevel", "error"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(per_second), "-i", "-"),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(partial)),
    ]
    shown = chain(frames, repeat(frames[-1], _HOLD - 1))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile() as said:
            with suppress(BrokenPipeError), Popen(command, stdin=PIPE, stderr=said) as process:  # broken: it has ended
                assert process.stdin is not None
                for sheet in _sheets(shown, size):
                    process.stdin.write(sheet.tobytes())
            if process.returncode:
                said.seek(0)
                reason = said.read().decode(errors="replace").strip()
                raise RunError(f"{path} cannot be written: ffmpeg says {reason}")
        partial.replace(path)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def ffmpeg() -> str:
    """The program: what is on PATH, or else that of the extra `video`.

    Raises:
        GanforgeError: there is neither.
    """
    found = which("ffmpeg")
    if found is None and find_spec("imageio_ffmpeg") is not None:
        from imageio_ffmpeg import get_ffmpeg_exe

        found = get_ffmpeg_exe()
    if found is None:
        raise GanforgeError(
            "an MP4 is made by ffmpeg, which is not here: pip install 'ganforge[video]', or put ffmpeg on PATH; "
            "--gif needs neither"
        )
    return str(found)


def progress(folder: Path) -> list[Image.Image]:
    """The sample grids of a run, in order.

    Raises:
        RunError: there are none, or one cannot be read.
    """
    paths = sorted((folder / "samples").glob("step-*.png"))
    if not paths:
        raise RunError(f"run {folder} has no sample grids yet")
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), MOST)).round().astype(int))
    frames = []
    for path in (paths[number] for number in chosen):
        try:
            pixels = read_image(path, str(path))
        except DataError as error:
            raise RunError(f"a grid of the run cannot be read: {error}") from error
        frames.append(Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).convert("RGB"))
    return frames


def _common_size(frames: Sequence[Image.Image], multiple: int = 1) -> tuple[int, int]:
    """(width, height) of the largest: longer captions make wider grids."""
    width, height = (-(-max(side) // multiple) * multiple for side in zip(*(f.size for f in frames), strict=True))
    return width, height


def _sheets(frames: Iterable[Image.Image], size: tuple[int, int]) -> Iterator[Image.Image]:
    """One after another, each as large as `size`, on the paper of its own corner."""
    for frame in frames:
        sheet = Image.new("RGB", size, frame.getpixel((0, 0)))
        sheet.paste(frame, (0, 0))
        yield sheet
