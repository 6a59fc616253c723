"""Settings that a recipe leaves out with "none", and Python with None."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import core_host

from ganforge.errors import RecipeError
from ganforge.plugins.host import default_host
from ganforge.recipes.laying import parse_assignments
from ganforge.recipes.leaving_out import absent_tables
from ganforge.recipes.reading import read
from ganforge.recipes.schema import EvaluationSettings, Recipe
from ganforge.recipes.tables import to_table
from ganforge.spec.augmentation import Augmentation
from ganforge.training.parts import find_data_set, find_parts

BASE = {
    "name": "base",
    "evaluation": {"every": 7},
    "run": {"epochs": 3, "keep_every": 4, "backend": "torch"},
    "data": {"set": "folder", "crop": 108, "labels": "none"},
    "training": {
        "augment": {"translation": 0.125},
        "average": {"half_life": 1000.0, "ramp_up": 0.05},
        "penalty": {"name": "r1", "weight": 1.0},
        "consistency": {},
        "lecam": {},
        "generator": {"clip_norm": 1.0, "optimizer": {"kind": "sgd", "learning_rate": 0.1, "clip": 1.0}},
    },
}
OPTIONAL = [
    *("training.augment", "training.average", "training.penalty", "training.consistency", "training.lecam"),
    *("training.generator.clip_norm", "training.generator.optimizer.clip", "training.average.ramp_up"),
    *("run.keep_every", "run.backend", "data.crop"),
]


def base(**overrides: Any) -> Recipe:
    return read(BASE, core_host()[0], overrides=overrides)


def value_at(recipe: Recipe, path: str) -> Any:
    value: Any = to_table(recipe)
    for key in path.split("."):
        value = None if value is None else value.get(key)
    return value


@pytest.mark.parametrize("path", OPTIONAL)
def test_none_leaves_out_what_may_be_missing_and_nothing_else(path: str) -> None:
    *tables, last = path.split(".")
    expected = table = to_table(base())
    for key in tables:
        table = table[key]
    assert table.pop(last) is not None
    for values in (parse_assignments([f"{path}=none"]), {path: None}, {path: "none"}):
        assert to_table(base(**values)) == expected


def test_none_leaves_out_what_is_not_there() -> None:
    assert read({"name": "x"}, core_host()[0], overrides={"training.augment": "none"}) == read(
        {"name": "x"}, core_host()[0]
    )


@pytest.mark.parametrize("nothing", ["none", None])
def test_without_an_evaluation_nothing_is_measured(nothing: Any) -> None:
    assert base(evaluation=nothing).evaluation == EvaluationSettings()
    assert base(**{"evaluation": nothing, "evaluation.keep_best": "kid"}).evaluation == EvaluationSettings(
        keep_best="kid"
    )


def test_a_file_leaves_out_what_it_extends_and_one_that_extends_it_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text("[training.augment]\nflip = true\ncutout = 0.5\n[evaluation]\nevery = 5\n")
    (tmp_path / "two.toml").write_text('extends = "./one.toml"\nevaluation = "none"\n[training]\naugment = "none"\n')
    (tmp_path / "three.toml").write_text('extends = "./two.toml"\n[training.augment]\nflip = true\n')
    one, two, three = (read(tmp_path / f"{name}.toml", core_host()[0]) for name in ("one", "two", "three"))
    assert one.training.augment == Augmentation(flip=True, cutout=0.5)
    assert two.training.augment is None
    assert two.evaluation == EvaluationSettings()
    assert three.training.augment == Augmentation(flip=True)


def test_steps_left_out_do_not_take_the_epochs_with_them() -> None:
    """A length that is given takes the place of the other; one that is left out does not."""
    assert base(**{"run.steps": "none"}).run.epochs == 3
    assert base(**{"run.steps": None}).run.epochs == 3
    assert base(**{"training.average.half_life": "none", "training.average.ramp_up": "none"}).training.average
    assert base(**{"run.epochs": "none", "run.steps": 5}).run.steps == 5


def test_none_stays_text_where_a_setting_has_to_be() -> None:
    assert value_at(base(), "data.labels") == "none"
    assert base(summary="none").summary == "none"
    with pytest.raises(RecipeError, match=r"training\.latent must be a table, not text"):
        base(**{"training.latent": "none"})
    with pytest.raises(RecipeError, match=r"training\.batch_size must be a whole number, not text"):
        base(**{"training.batch_size": "none"})


@pytest.mark.parametrize("value", [False, "off", 0])
def test_another_word_for_it_is_told_the_right_one(value: Any) -> None:
    with pytest.raises(RecipeError, match=r"training\.augment must be a table or none, not"):
        base(**{"training.augment": value})


@pytest.mark.parametrize("nothing", ["none", None])
def test_options_of_a_data_set_are_left_out_alike(nothing: Any) -> None:
    host, ranged = default_host(), {"data": {"set": "anime", "value_range": [0, 4095], "labels": "none"}}
    recipe = read({"name": "x"} | ranged, host, overrides={"data.value_range": nothing})
    for part in (find_data_set(recipe, host), find_parts(recipe, host).data_set):
        assert part is not None
        assert (part.options.value_range, part.options.labels) == (None, "none")
    assert read(to_table(recipe), host).data.options.get("value_range") in (None, "none")
    wrong = read({"name": "x"} | ranged, host, overrides={"data.megapixels": "none"})
    with pytest.raises(RecipeError, match=r"megapixels must be a whole number"):
        find_data_set(wrong, host)


def test_an_array_is_no_word() -> None:
    with pytest.raises(RecipeError, match="image_size"):
        base(image_size=np.array([8, 8]))


def test_the_tables_that_are_left_out() -> None:
    left = ("augment", "average")
    recipe = base(**{f"training.{name}": None for name in left})
    assert sorted(absent_tables(recipe.training, "training")) == ["training.augment", "training.average"]
    assert list(absent_tables(base().training, "training")) == []
