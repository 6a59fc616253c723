"""Animations: pictures one after another, as a GIF by Pillow or as an MP4 by ffmpeg, where there is one."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from shutil import which

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
    first, *rest = _of_one_size(frames)
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
    even = _of_one_size(frames, multiple=2)  # H.264 in 4:2:0 halves both sides
    width, height = even[0].size
    partial = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
    command = [
        *(program, "-y", "-loglevel", "error"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(per_second), "-i", "-"),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(partial)),
    ]
    pixels = b"".join(frame.tobytes() for frame in [*even, *even[-1:] * (_HOLD - 1)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(command, input=pixels, capture_output=True, check=False)
        if done.returncode:
            raise RunError(f"{path} cannot be written: ffmpeg says {done.stderr.decode(errors='replace').strip()}")
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


def _of_one_size(frames: Sequence[Image.Image], multiple: int = 1) -> list[Image.Image]:
    """All as large as the largest, on the paper of their own corner: longer captions make wider grids."""
    width, height = (-(-max(side) // multiple) * multiple for side in zip(*(f.size for f in frames), strict=True))
    sheets = []
    for frame in frames:
        sheet = Image.new("RGB", (width, height), frame.getpixel((0, 0)))
        sheet.paste(frame, (0, 0))
        sheets.append(sheet)
    return sheets
