"""docs/python.md runs as it stands, with few steps; docs/api.md is what the docstrings say now."""

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frameworks import need
from pages import blocks
from PIL import Image

import ganforge

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with `my_images`, of two classes."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for number in range(12):
        folder = tmp_path / "my_images" / ("cats" if number % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 36, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return tmp_path


def test_the_guide_runs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("torch")
    need("tensorflow")
    train = ganforge.train

    def narrow(recipe: Any = None, **given: Any) -> Any:
        """Narrow networks, where the guide leaves them to `train`."""
        if recipe is None:
            given["overrides"] = {"architecture.width": 2, "training.batch_size": 8} | given.get("overrides", {})
        return train(recipe, **given)

    monkeypatch.setattr(ganforge, "train", narrow)
    names: dict[str, Any] = {}
    written = blocks((DOCS / "python.md").read_text(encoding="utf-8"), "python")
    assert len(written) >= 10
    for code in written:
        small, count = re.subn(r"steps=200", "steps=2", code)
        assert count == code.count("ganforge.train("), "each training has steps=200, so that it is short here"
        exec(compile(small, f"<docs/python.md: {code.splitlines()[0]}>", "exec"), names)
    assert names["images"].shape == (3, 8, 8, 1)
    assert (names["same"] == names["images"]).all()
    assert (names["again"].sample(4).shape, names["again"].step) == ((4, 8, 8, 1), 2)
    assert (here / "digits.safetensors").is_file()


def test_people_of_other_libraries_need_few_lines() -> None:
    written = blocks((DOCS / "python.md").read_text(encoding="utf-8"), "python")
    for word in ("torch.utils", "tf.data", "my_images"):
        (code,) = (each for each in written if word in each)
        assert len(code.splitlines()) < 10


def test_the_reference_is_that_of_the_docstrings() -> None:
    made = runpy.run_path(str(DOCS / "make_api.py"))["page"]()
    assert (DOCS / "api.md").read_text(encoding="utf-8") == made, "run: python docs/make_api.py"


def test_the_reference_has_every_public_name() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    for name in ganforge.__all__:
        kind = "## ganforge." if name == "generation" else "### ganforge."
        assert name in ("hookimpl", "spec") or f"{kind}{name}\n" in text, name
    for name in ganforge.generation.__all__:
        assert name in ganforge.__all__ or f"### ganforge.generation.{name}\n" in text, name


def test_every_argument_of_the_functions_is_explained() -> None:
    import inspect

    for name in ("train", "resume", "load", "register"):
        function = getattr(ganforge, name)
        text = function.__doc__ or ""
        for argument in inspect.signature(function).parameters:
            assert re.search(rf"^ +[\w, ]*\b{argument}\b[\w, ]*: ", text, re.MULTILINE), f"{name}: {argument}"


def test_the_example_of_the_package_runs(here: Path) -> None:
    need("torch")
    code = runpy.run_path(str(DOCS / "make_api.py"))["_example"]().replace("steps=100", "steps=2")
    names: dict[str, Any] = {"ganforge": ganforge}
    exec(code, names)
    assert names["images"].shape == (64, 8, 8, 1)
