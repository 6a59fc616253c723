"""docs/write-a-*.md: what they show is what the example projects and the generated ones hold."""

import re
from pathlib import Path

import pytest

from ganforge.plugins.host import default_host
from ganforge.plugins.scaffold import KINDS, write_project

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(?:python|toml)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
NAMES = {"dataset": "flowers", "layer": "mine", "loss": "mine", "optimizer": "mine", "backend": "mine"}
"""What the pages call their projects; docs/plugins.md is the page of the other kinds."""
PAGES = {kind: ROOT / "docs" / f"write-a{'n' if kind[0] == 'o' else ''}-{kind}.md" for kind in NAMES}


def texts(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in (".py", ".toml", ".md")]


@pytest.mark.parametrize("kind", PAGES)
def test_every_block_is_in_a_project(kind: str, tmp_path: Path) -> None:
    project = write_project(kind, NAMES[kind], tmp_path / "project", default_host())  # type: ignore[arg-type]
    known = [*texts(ROOT / "examples"), *texts(project)]
    blocks = BLOCK.findall(PAGES[kind].read_text(encoding="utf-8"))
    assert len(blocks) >= 2
    for block in blocks:
        assert any(block in text for text in known), block


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_begins_with_a_project_of_its_own(kind: str) -> None:
    page = PAGES[kind].read_text(encoding="utf-8")
    assert f"$ ganforge plugins new {kind} {NAMES[kind]}\n" in page
    assert f"$ cd {KINDS[kind].distribution.replace('NAME', NAMES[kind])}\n" in page  # type: ignore[index]


def test_the_page_of_plugins_names_every_kind() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    listed = page.partition("`ganforge plugins new KIND NAME`")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z]+)`", listed)) == set(KINDS)


def test_every_function_of_ops_is_on_the_page_of_layers() -> None:
    from ganforge.spec.ops import Ops

    functions = {name for name, each in vars(Ops).items() if callable(each) and not name.startswith("_")}
    assert functions == set(re.findall(r"`(\w+)\(", table_of_ops("layer")))
    assert functions > set(re.findall(r"`(\w+)\(", table_of_ops("loss")))


def table_of_ops(kind: str) -> str:
    """The table of the operations on the page of a kind."""
    page = PAGES[kind].read_text(encoding="utf-8")  # type: ignore[index]
    return page.partition("| `ops.` |")[2].partition("\n\n")[0]


def test_every_promise_of_a_session_and_of_an_image_set_is_on_its_page() -> None:
    from ganforge.backend.contract import Session
    from ganforge.data.contract import ImageSet

    for kind, contract in (("backend", Session), ("dataset", ImageSet)):
        page = PAGES[kind].read_text(encoding="utf-8")
        for name in vars(contract):
            if not name.startswith("_"):
                assert f"`{name}" in page, f"{name} is missing from {PAGES[kind].name}"
