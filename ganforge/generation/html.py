"""HTML for notebooks: facts and images, each image inside the page."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image


def card(title: str, images: Sequence[Image.Image | Path], facts: Mapping[str, str] | None = None) -> str:
    """A title, facts in a row, and images below one another. An image may be the path of a PNG file."""
    told = "".join(
        f'<span style="margin-right:1.5em;white-space:nowrap">{escape(name)} <b>{escape(value)}</b></span>'
        for name, value in (facts or {}).items()
    )
    figures = "".join(f'<div style="margin-top:6px">{figure(image)}</div>' for image in images)
    return (
        f'<div style="font-family:sans-serif;font-size:13px;line-height:1.6">'
        f"<div><b>{escape(title)}</b></div>{f'<div>{told}</div>' if told else ''}{figures}</div>"
    )


def figure(image: Image.Image | Path) -> str:
    """An image as an element that holds its own PNG."""
    if isinstance(image, Path):
        content = image.read_bytes()
    else:
        buffer = BytesIO()
        image.save(buffer, format="PNG", optimize=True)
        content = buffer.getvalue()
    return f'<img style="max-width:100%" src="data:image/png;base64,{b64encode(content).decode()}">'


def bar(share: float) -> str:
    """How much of something is done, from 0 to 1."""
    return f'<progress style="width:100%;max-width:640px;height:14px" max="1" value="{share:.4f}"></progress>'
