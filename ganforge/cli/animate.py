"""Options shared by the commands that draw images: where to write a PNG image, a GIF or an MP4 film."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from PIL import Image

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Where to write each kind; None if it is not wanted."""

    out: Path | None
    gif: Path | None
    mp4: Path | None

    @classmethod
    def of(cls, asked: Mapping[str, Path | None], otherwise: Path) -> "Targets":
        """The files that the options name, or if they name none the image `otherwise`.

        Raises:
            UsageError: a path does not end as its kind does.
        """
        return cls(**asked) if any(asked.values()) else cls(out=otherwise, gif=None, mp4=None)

    def __post_init__(self) -> None:
        given = {".png": self.out, ".gif": self.gif, ".mp4": self.mp4}
        for suffix, path in given.items():
            if path is not None and path.suffix != suffix:
                raise click.UsageError(f"{path} must end in {suffix}")

    def save(self, image: "Callable[[], Image.Image]", frames: "Callable[[], list[Image.Image]]") -> None:
        """Write the files, drawn by the two functions."""
        from ganforge.generation.animations import ffmpeg, save_gif, save_mp4
        from ganforge.generation.grids import save_png

        if self.mp4:
            ffmpeg()  # missing, it should be said before anything is drawn
        if self.out:
            save_png(image(), self.out)
        if self.gif:
            save_gif(frames(), self.gif)
        if self.mp4:
            save_mp4(frames(), self.mp4)

    def facts(self) -> dict[str, str]:
        """The written files, by option."""
        written = {"out": self.out, "gif": self.gif, "mp4": self.mp4}
        return {name: str(path) for name, path in written.items() if path}

    def __str__(self) -> str:
        """The written files."""
        return ", ".join(str(path) for path in (self.out, self.gif, self.mp4) if path)


def targets(name: str) -> Callable[[F], F]:
    """The options --out, --gif and --mp4. Without them, the image is written to the run's folder under `name`."""

    def decorate(command: F) -> F:
        path = click.Path(path_type=Path)
        command = click.option("--mp4", type=path, help="Write an MP4 film; needs ffmpeg or ganforge[video].")(command)
        command = click.option("--gif", type=path, help="Write an animated GIF.")(command)
        where = f"PNG image to write. [default: {name} in RUN, unless --gif or --mp4 is given]"
        return click.option("--out", type=path, help=where)(command)

    return decorate
