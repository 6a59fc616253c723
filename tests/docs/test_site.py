"""The site: README.md leads to all its pages, the navigation has them, and its builder finds nothing wrong."""

import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from frameworks import need

ROOT = Path(__file__).resolve().parents[2]
MAKE_SITE = runpy.run_path(str(ROOT / "docs" / "make_site.py"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the site can be built."""
    folder = tmp_path_factory.mktemp("site")
    MAKE_SITE["gather"](folder / "build" / "pages")
    shutil.copy(ROOT / "zensical.toml", folder)
    return folder


def entries(nav: Any) -> Iterator[str]:
    """The pages of a navigation."""
    for each in nav:
        if isinstance(each, str):
            yield each
        else:
            yield from entries(next(iter(each.values())))


def test_the_navigation_has_every_page_of_the_documentation(site: Path) -> None:
    listed = set(entries(tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]))
    pages = site / "build" / "pages"
    assert not {page for page in listed if not (pages / page).is_file()}
    gathered = {page.relative_to(pages).as_posix() for page in pages.glob("docs/*.md")} - {"docs/index.md"}
    assert gathered == {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} - {"docs/README.md"}
    assert gathered < listed
    assert {f"examples/{book.name}.md" for book in (ROOT / "examples").glob("*.ipynb")} < listed


def test_sources_and_notebooks_are_pages_and_links_follow(site: Path) -> None:
    pages = site / "build" / "pages"
    text = (pages / "docs" / "write-a-dataset.md").read_text(encoding="utf-8")
    assert "](../examples/ganforge-shapes/ganforge_shapes.py.md)" in text
    source = (ROOT / "examples" / "ganforge-shapes" / "ganforge_shapes.py").read_text(encoding="utf-8")
    assert source in (pages / "examples" / "ganforge-shapes" / "ganforge_shapes.py.md").read_text(encoding="utf-8")
    book = (pages / "examples" / "digits.ipynb.md").read_text(encoding="utf-8")
    assert book.startswith("# Handwritten digits") and "`````python\nrun = ganforge.train(steps=STEPS" in book


def test_it_builds_without_a_warning(site: Path) -> None:
    need("zensical")
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=site, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Semantics" in (site / "build" / "site" / "search.json").read_text(encoding="utf-8")
