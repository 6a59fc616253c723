"""Image files, archives and tables for tests of readers."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 10, 14, 3), np.uint8)
LABELS = np.arange(12) % 3


def png(pixels: np.ndarray) -> bytes:
    """A PNG file's content."""
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


def put(root: Path, *names: str) -> Path:
    """Files below a folder: `PIXELS` in turn, as PNG."""
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(PIXELS[number % 12]))
    return root


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip archive."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path
