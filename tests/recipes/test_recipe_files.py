"""Recipes in files: found, laid over one another, extended, refused with the place."""

from pathlib import Path
from typing import Any

import pytest
from fakes import core_host, module

from ganforge.errors import PluginError, RecipeError
from ganforge.plugins.host import Host
from ganforge.recipes.parsing import parse
from ganforge.recipes.reading import load_table, read
from ganforge.recipes.schema import Recipe, RecipeEntry
from ganforge.spec.protocol import Average


@pytest.fixture
def host() -> Host:
    return core_host()[0]


def write(folder: Path, name: str, text: str) -> str:
    (folder / f"{name}.toml").write_text(text)
    return str(folder / f"{name}.toml")


def test_the_name_is_that_of_the_file_where_it_is_not_said(tmp_path: Path, host: Host) -> None:
    assert load_table(write(tmp_path, "mine (2)", ""), host) == {"name": "mine (2)"}
    assert load_table(write(tmp_path, "other", "name = 'said'"), host) == {"name": "said"}


def test_extends_lays_one_file_over_another(tmp_path: Path, host: Host) -> None:
    write(tmp_path, "base", "image_size = 16\n[training]\nbatch_size = 8\nlatent = { size = 3 }")
    write(tmp_path, "middle", "extends = './base.toml'\nimage_size = 24\n[training.latent]\nlow = -2.0")
    path = write(tmp_path, "top", "extends = 'middle.toml'\n[training]\nbatch_size = 9")
    assert load_table(path, host) == {
        "name": "top",
        "image_size": 24,
        "training": {"batch_size": 9, "latent": {"size": 3, "low": -2.0}},
    }


def test_extends_a_shipped_recipe_by_its_name(tmp_path: Path, host: Host) -> None:
    table = load_table(write(tmp_path, "mine", "extends = 'digits'\nimage_size = 16"), host)
    assert parse(table).data.set == "digits"
    assert (table["name"], table["image_size"]) == ("mine", 16)


def test_a_relative_path_is_meant_from_the_recipe_that_extends(
    tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    write(tmp_path, "base", "image_size = 16")
    path = write(tmp_path / "inner", "top", "extends = '../base.toml'")
    monkeypatch.chdir("/")
    assert load_table(path, host)["image_size"] == 16


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": "extends = './a.toml'"}, "extends itself"),
        ({"a": "extends = './b.toml'", "b": "extends = './a.toml'"}, "extends itself, by way of .*a.toml -> .*b.toml"),
        ({"a": "extends = './missing.toml'"}, "no recipe file .*missing.toml"),
        ({"a": "extends = 'digitts'"}, "unknown recipe 'digitts' .*; did you mean 'digits'"),
        ({"a": "extends = 3"}, "must be the name of a recipe, not 3"),
        ({"a": "image_size = "}, "is not TOML"),
        ({"a": "image_size = 3\nimage_size = 4"}, "is not TOML"),
        ({"a": "x = " + "9" * 5000}, "is not TOML"),
        ({"a": "x = " + "[" * 5000}, "is not TOML"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value)[:40],
)
def test_refused_files(files: dict[str, str], said: str, tmp_path: Path, host: Host) -> None:
    for name, text in files.items():
        write(tmp_path, name, text)
    with pytest.raises(RecipeError, match=said):
        load_table(str(tmp_path / "a.toml"), host)


def test_a_file_that_is_no_text(tmp_path: Path, host: Host) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="is not TOML"):
        load_table(str(tmp_path / "a.toml"), host)


def test_a_recipe_whose_file_has_gone(tmp_path: Path) -> None:
    entry = RecipeEntry(name="gone", path=tmp_path / "gone.toml")
    host, _ = core_host(module("gone_plugin", ganforge_recipes=lambda: (entry,)))
    with pytest.raises(RecipeError, match=r"gone.toml cannot be read: No such file"):
        load_table("gone", host)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("digts", r"unknown recipe 'digts' \(a file .* as ./digts.toml\); did you mean 'digits' or 'light'\?$"),
        ("qqqqq", r"known: acgan, anime, [a-z0-9, -]*lsgan \.\.\.$"),
        ("folder/none", "no recipe file folder/none"),
        ("none.toml", "no recipe file none.toml"),
    ],
)
def test_unknown_recipes(name: str, said: str, host: Host) -> None:
    with pytest.raises(RecipeError, match=said):
        load_table(name, host)


def test_two_plugins_with_a_recipe_of_one_name() -> None:
    other = module("other", ganforge_recipes=lambda: (RecipeEntry(name="digits", path=Path("x.toml")),))
    with pytest.raises(PluginError, match=r"'ganforge.plugins.builtin' and 'other'"):
        load_table("dcgan", core_host(other)[0])


def test_what_is_laid_on_a_recipe(host: Host) -> None:
    recipe = parse({"name": "x", "run": {"steps": 5, "seed": 3}})
    assert read(recipe, host) == recipe
    by_epochs = read(recipe, host, epochs=2).run
    assert (by_epochs.steps, by_epochs.epochs, by_epochs.seed) == (None, 2, 3)
    assert read(recipe, host, steps=9, batch_size=7).training.batch_size == 7
    laid = read(recipe, host, steps=9, overrides={"run.steps": 8, "training": {"batch_size": 6}})
    assert (laid.run.steps, laid.training.batch_size) == (8, 6), "overrides go last"


def test_a_decay_laid_on_a_half_life_takes_its_place(host: Host) -> None:
    assert load_table("few-images", host)["training"]["average"]["half_life"]
    found = read("few-images", host, overrides={"training.average.decay": 0.99}).training.average
    assert found == Average(decay=0.99)


def test_a_recipe_as_a_table(tmp_path: Path, host: Host) -> None:
    assert read({"image_size": 16, "run.steps": 5}, host).run.steps == 5
    assert read({"image_size": 16}, host).name == "recipe"
    wider = read({"extends": "digits", "training.batch_size": 9, "name": "mine"}, host)
    assert (wider.name, wider.data.set, wider.training.batch_size) == ("mine", "digits", 9)
    assert read(Path(write(tmp_path, "file", "image_size = 16")), host).image_size == 16
    with pytest.raises(RecipeError, match="a recipe: extends must be the name of a recipe, not 3"):
        read({"extends": 3}, host)


@pytest.mark.parametrize("key", ["", "run.", ".steps", "run..steps", 3])
def test_a_key_that_is_no_path(key: Any, host: Host) -> None:
    with pytest.raises(RecipeError, match=r"overrides take keys such as 'image_size' and 'run.steps', not"):
        read("digits", host, overrides={key: 5})


def test_a_recipe_is_frozen() -> None:
    recipe: Recipe = parse({"name": "x"})
    with pytest.raises(AttributeError):
        recipe.name = "y"  # type: ignore[misc]
