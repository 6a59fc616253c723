"""Gathers the pages of the site, which are what README.md leads to: python docs/make_site.py FOLDER.

The site has the layout of the repository, so a link that works on GitHub works there. Source files, notebooks and
folders become pages. `make docs` then lets Zensical build the site, as zensical.toml says.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STYLE = ROOT / "docs" / "site.css"
COPIED = (".png", ".gif", ".css")
FENCE = "`````"
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()([^)#\s:]+)(?=[)#])")


def gather(folder: Path) -> list[Path]:
    """Write the pages and images below `folder`, which must not exist; returns their paths relative to it."""
    written: list[Path] = []
    waiting = [ROOT / "README.md", ROOT / "CHANGELOG.md", STYLE]
    while waiting:
        source = waiting.pop()
        if place(source) in written:
            continue
        written.append(place(source))
        target = folder / written[-1]
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix in COPIED:
            shutil.copy(source, target)
            continue
        text = page(source)
        target.write_text(linked(text, source), encoding="utf-8")
        waiting += links(text, source)
    return sorted(written)


def place(source: Path) -> Path:
    """Where a file or folder of the repository stands in the site, relative to its pages."""
    inside = source.relative_to(ROOT)
    if source.is_dir():
        return inside / "index.md"
    if source.name == "README.md":
        return inside.with_name("index.md")
    return inside if source.suffix in (".md", *COPIED) else inside.with_name(f"{inside.name}.md")


def page(source: Path) -> str:
    """A file or folder as Markdown."""
    readme = source / "README.md"
    if readme.is_file():
        return page(readme)
    if source.is_dir():
        files = sorted(source.glob("*.py"))
        return "\n\n".join([f"# `{source.name}`", *(f"## `{file.name}`\n\n{_code(file)}" for file in files)]) + "\n"
    if source.suffix == ".ipynb":
        return "\n\n".join(_cells(source)) + "\n"
    if source.suffix == ".md":
        return source.read_text(encoding="utf-8")
    return f"# `{source.name}`\n\n{_code(source)}\n"


def links(text: str, source: Path) -> Iterator[Path]:
    """The files and folders of the repository that a page links to."""
    folder = source if source.is_dir() else source.parent
    for part in _FENCED.split(text)[::2]:
        yield from ((folder / link).resolve() for link in _LINK.findall(part))


def linked(text: str, source: Path) -> str:
    """The page with each link to the target's place in the site."""
    folder = source if source.is_dir() else source.parent

    def moved(found: re.Match[str]) -> str:
        target = ROOT / place((folder / found[1]).resolve())
        return Path(os.path.relpath(target, folder)).as_posix()

    parts = _FENCED.split(text)
    parts[::2] = [_LINK.sub(moved, part) for part in parts[::2]]
    return "".join(parts)


def _code(file: Path) -> str:
    language = "python" if file.suffix == ".py" else "text"
    return f"{FENCE}{language}\n{file.read_text(encoding='utf-8').rstrip()}\n{FENCE}"


def _cells(notebook: Path) -> Iterator[str]:
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        yield text if cell["cell_type"] == "markdown" else f"{FENCE}python\n{text}\n{FENCE}"


if __name__ == "__main__":
    gather(Path(sys.argv[1]))
