"""docs/recipes.md is what its generator makes; the recipes of docs/write-a-recipe.md train, and its tables are true."""

import re
import runpy
from pathlib import Path
from typing import Any, get_args

import pytest
from frameworks import need

import ganforge
from ganforge.plugins.host import default_host
from ganforge.recipes.schema import EvaluationSettings, RunSettings
from ganforge.spec.layers.contract import Layer
from ganforge.spec.protocol import Protocol
from ganforge.training.experiment import resolve_networks

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = (DOCS / "write-a-recipe.md").read_text(encoding="utf-8")


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A folder with the recipes of the guide."""
    for text in re.findall(r"^```toml\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL):
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_page_of_recipes_is_up_to_date() -> None:
    generator = runpy.run_path(str(DOCS / "make_recipes.py"))
    up_to_date = (DOCS / "recipes.md").read_text(encoding="utf-8") == generator["page"]()
    assert up_to_date, f"docs/recipes.md is not what the recipes say now; run: {generator['COMMAND']}"


def test_the_table_of_figures_is_up_to_date() -> None:
    generator = runpy.run_path(str(DOCS / "make_quality.py"))
    up_to_date = (DOCS / "quality.md").read_text(encoding="utf-8") == generator["page"]()
    assert up_to_date, f"the table in docs/quality.md is not what docs/quality.json says; run: {generator['COMMAND']}"


@pytest.mark.parametrize("name", ["small", "strokes", "stages", "duel"])
def test_the_recipes_of_the_guide_train(name: str, examples: Path, tmp_path: Path) -> None:
    need("torch")
    small = {"training": {"batch_size": 4}, "run": {"steps": 2, "epochs": None}}
    run = ganforge.train(str(examples / f"{name}.toml"), backend="torch", out=tmp_path / "run", overrides=small)
    assert run.step == 2


def test_the_recipes_of_published_techniques_make_networks(tmp_path: Path) -> None:
    page = (DOCS / "published-tricks.md").read_text(encoding="utf-8")
    texts = re.findall(r"^```toml\n# ([a-z0-9-]+)\.toml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert len(texts) >= 7
    for name, text in texts:
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        for size in (16, 48):
            given: dict[str, Any] = {"channels": 3, "image_size": size, "data.set": "digits"}
            recipe = ganforge.load_recipe(str(tmp_path / f"{name}.toml"), overrides=given)
            given["class_names"] = ["cat", "dog"] if recipe.conditional else []
            full = ganforge.load_recipe(str(tmp_path / f"{name}.toml"), overrides=given)
            assert resolve_networks(full, default_host()).gan.image_shape == (size, size, 3), name


def test_the_page_of_published_techniques_names_recipes_and_settings_that_there_are() -> None:
    page = (DOCS / "published-tricks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| [^|]+ \d{4}[^|]* \| ([^|]*)\| [^|]+ \|$", page, re.MULTILINE)
    assert len(rows) >= 12
    for name in re.findall(r"`([a-z0-9-]+)`", " ".join(rows)):
        assert ganforge.load_recipe(name).name == name


@pytest.mark.parametrize(
    "assignment", ["image_size=108x64", "channels=3", "conditional=true", "layers.dropout.rate=0.5"]
)
def test_what_the_guide_says_can_be_set(assignment: str, examples: Path) -> None:
    names = ("channels=1", "class_names=['a', 'b']") if assignment == "conditional=true" else ("channels=1",)
    resolve_networks(
        ganforge.load_recipe(str(examples / "strokes.toml"), assignments=(*names, assignment)), default_host()
    )


def test_the_guide_names_every_kind_of_layer_with_its_keys() -> None:
    rows = dict(re.findall(r"^\| (`[a-z_`, ]+`) \| ?(.*) \|$", GUIDE.partition("The kinds of layers")[2], re.MULTILINE))
    named = {kind: text for kinds, text in rows.items() for kind in re.findall(r"`(\w+)`", kinds)}
    for layer in get_args(Layer):
        tag = layer.__struct_config__.tag
        keys = set(layer.__struct_fields__)
        if tag == "conv_transpose":
            keys = {"size"}  # beside those of `conv`
        assert keys == set(re.findall(r"`(\w+)(?: = [^`]*)?`", named[tag])) - {"conv"}, tag


@pytest.mark.parametrize(
    ("table", "settings"), [("training", Protocol), ("run", RunSettings), ("evaluation", EvaluationSettings)]
)
def test_the_guide_names_every_key(table: str, settings: Any) -> None:
    section = GUIDE.partition(f"key of `[{table}]`")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set(settings.__struct_fields__)
