"""examples/*.ipynb: each runs, small, in a kernel of Jupyter, and shows what its reader is promised."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from frameworks import need

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NEEDS = {
    "digits": ("torch",),
    "own-array": ("torch",),
    "own-layer-and-loss": ("torch",),
    "compare-frameworks": ("torch", "tensorflow", "jax"),
}
FEW = 20
"""Steps, instead of the notebook's."""

EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient

book = nbformat.read("book.ipynb", as_version=4)
NotebookClient(book, timeout=500, kernel_name="python3").execute()
nbformat.write(book, "book.ipynb")
"""
"""In a process of its own, whose warnings say nothing about us."""

pytestmark = pytest.mark.timeout(600)


def executed(book: Any, folder: Path) -> Any:
    """The notebook with the outputs of its cells, run in `folder`."""
    nbformat.write(book, folder / "book.ipynb")
    done = subprocess.run([sys.executable, "-c", EXECUTE], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return nbformat.read(folder / "book.ipynb", as_version=4)


def small(name: str) -> Any:
    """A notebook of few steps."""
    book = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    changed = 0
    for cell in book.cells:
        cell.source, count = re.subn(r"^STEPS = \d+$", f"STEPS = {FEW}", cell.source, flags=re.MULTILINE)
        changed += count
    assert changed == 1, "a notebook says once how many steps it trains: STEPS = ..."
    return book


def shown(book: Any, kind: str) -> list[str]:
    """All outputs of a MIME type."""
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    return ["".join(output.data[kind]) for output in outputs if kind in output.get("data", {})]


def test_every_notebook_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} == set(NEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDS)
def test_a_notebook_runs(name: str, tmp_path: Path) -> None:
    for framework in NEEDS[name]:
        need(framework)
    book = executed(small(name), tmp_path)
    html = shown(book, "text/html")
    assert any("data:image/png;base64," in each and "images/s" in each and "done" in each for each in html), "progress"
    assert any("ganforge.Run" in each and each.count("data:image/png;base64,") == 2 for each in html), "a run"
    assert shown(book, "image/png"), "a grid"
    errors = [output for cell in book.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    assert not errors


@pytest.mark.slow
def test_a_cell_that_is_run_again_replaces_what_it_registered(tmp_path: Path) -> None:
    need("torch")
    book = small("own-layer-and-loss")
    code = [cell.source for cell in book.cells if cell.cell_type == "code"]
    layer, loss = code[1], code[2]
    again = loss.replace("ops.square(fake)", "ops.square(fake - 5.0)")
    assert again != loss
    ask = "print(float(ganforge.train(recipe, steps=1, quiet=True).history['g_loss'][0]))"
    made = code[3].split("run = ")[0]
    book.cells = [nbformat.v4.new_code_cell(each) for each in (code[0], layer, loss, made, ask, layer, again, ask)]
    done = executed(book, tmp_path)
    first, second = (
        float("".join(output.text for output in done.cells[at].outputs if output.output_type == "stream"))
        for at in (4, 7)
    )
    assert second > first + 5
