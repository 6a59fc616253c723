"""Laying one table over another, and one value of the command line on a table."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganforge.errors import RecipeError
from ganforge.recipes.laying import merge, override, parse_assignments
from ganforge.recipes.parsing import parse
from ganforge.spec.optimizers import SGD, Adam
from ganforge.spec.protocol import Player

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cc", "Cs")), max_size=8)


def test_merge_goes_into_tables_and_replaces_all_else() -> None:
    base = {"a": 1, "t": {"x": 1, "y": {"z": 2}}, "list": [{"p": 1}]}
    over = {"b": 2, "t": {"y": {"w": 3}}, "list": [{"q": 2}]}
    assert merge(base, over) == {"a": 1, "b": 2, "t": {"x": 1, "y": {"z": 2, "w": 3}}, "list": [{"q": 2}]}
    assert base == {"a": 1, "t": {"x": 1, "y": {"z": 2}}, "list": [{"p": 1}]}


@pytest.mark.parametrize("key", ["set", "name", "kind"])
def test_another_kind_of_thing_replaces_the_whole_table(key: str) -> None:
    base = {"t": {key: "one", "own": 3}}
    assert merge(base, {"t": {key: "two"}}) == {"t": {key: "two"}}
    assert merge(base, {"t": {key: "one", "more": 4}}) == {"t": {key: "one", "own": 3, "more": 4}}
    assert merge(base, {"t": {"more": 4}}) == {"t": {key: "one", "own": 3, "more": 4}}


def test_a_recipe_of_another_name_keeps_what_it_extends() -> None:
    assert merge({"name": "a", "image_size": 3}, {"name": "b"}) == {"name": "b", "image_size": 3}


_TABLE = st.recursive(
    st.integers() | _TEXT, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
).filter(lambda value: isinstance(value, dict))


@given(_TABLE, _TABLE)
def test_merge_keeps_what_was_laid_on(base: dict[str, Any], over: dict[str, Any]) -> None:
    merged = merge(base, over)
    assert merge(merged, over) == merged
    assert merge(base, {}) == base
    assert merge({}, over) == over
    assert set(merged) == set(base) | set(over)


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("a=1", {"a": 1}),
        ("a = 1.5", {"a": 1.5}),
        ("a.b.c=true", {"a": {"b": {"c": True}}}),
        ("a . b = 'text'", {"a": {"b": "text"}}),
        ("a=plain text", {"a": "plain text"}),
        ("a=108x64", {"a": "108x64"}),
        ("a = 108x64 ", {"a": "108x64"}),
        ("a=[1, 2]", {"a": [1, 2]}),
        ("a={ kind = 'sgd', learning_rate = 0.1 }", {"a": {"kind": "sgd", "learning_rate": 0.1}}),
        ("a=x=y", {"a": "x=y"}),
        ("a=", {"a": ""}),
        ("a=[1,", {"a": "[1,"}),
        ("a=~/images", {"a": "~/images"}),
        ("a = 2020-01-01 ", {"a": "2020-01-01"}),
        ("a=2020-01-01T10:00:00", {"a": "2020-01-01T10:00:00"}),
        ("a=10:30:00", {"a": "10:30:00"}),
    ],
)
def test_put(assignment: str, expected: dict[str, Any]) -> None:
    assert put({}, assignment) == expected


def put(table: dict[str, Any], assignment: str) -> dict[str, Any]:
    return override(table, parse_assignments([assignment]))


def test_put_leaves_the_rest() -> None:
    table = {"training": {"batch_size": 3, "latent": {"size": 4}}, "image_size": 8}
    assert put(table, "training.latent.size=5") == {
        "training": {"batch_size": 3, "latent": {"size": 5}},
        "image_size": 8,
    }


def test_a_rate_alone_is_that_of_the_optimizer_that_is_meant() -> None:
    recipe = parse(put({"name": "x"}, "training.generator.optimizer.learning_rate=1e-3"))
    assert recipe.training.generator.optimizer == Adam(learning_rate=1e-3)
    assert recipe.training.discriminator.optimizer == Adam()
    table = put(
        {"name": "x", "training": {"generator": {"updates": 2}}}, "training.generator.optimizer.learning_rate=0.1"
    )
    recipe = parse(put(table, "training.generator.optimizer.kind=sgd"))
    assert recipe.training.generator == Player(updates=2, optimizer=SGD(learning_rate=0.1))


def test_an_optimizers_rate_is_its_learning_rate_of_before() -> None:
    base = {"name": "x", "training": {"generator": {"optimizer": {"kind": "sgd", "learning_rate": 0.5}}}}
    with pytest.warns(FutureWarning, match=r"^training\.generator\.optimizer\.rate is now .*\.learning_rate;"):
        assert parse(put(base, "training.generator.optimizer.rate=0.1")).training.generator.optimizer == SGD(
            learning_rate=0.1
        )
    with pytest.warns(FutureWarning, match="learning_rate"):
        old = parse({"name": "x", "training": {"discriminator": {"optimizer": {"kind": "sgd", "rate": 0.25}}}})
    assert old.training.discriminator.optimizer == SGD(learning_rate=0.25)
    assert base["training"]["generator"]["optimizer"] == {"kind": "sgd", "learning_rate": 0.5}  # type: ignore[index]


def test_both_names_at_once_are_one_too_many() -> None:
    both = {"kind": "sgd", "rate": 0.25, "learning_rate": 0.5}
    with pytest.raises(RecipeError, match=r"rate"):
        parse({"name": "x", "training": {"generator": {"optimizer": both}}})


def test_put_another_optimizer_drops_the_settings_of_the_old_one() -> None:
    table = {"training": {"generator": {"optimizer": {"kind": "adam", "beta1": 0.5}}}, "name": "x"}
    table = put(table, "training.generator.optimizer.kind=sgd")
    table = put(table, "training.generator.optimizer.learning_rate=0.1")
    recipe = parse(table)
    assert recipe.training.generator.optimizer == SGD(learning_rate=0.1)
    assert recipe.training.discriminator.optimizer == Adam()


@pytest.mark.parametrize("assignment", ["", "a", "=3", "a.=3", ".a=3", "a..b=3", "  =3"])
def test_put_refuses_what_is_no_assignment(assignment: str) -> None:
    with pytest.raises(RecipeError, match=r"--set takes key.path=value"):
        put({}, assignment)


@given(st.text(max_size=20))
def test_put_takes_any_text_as_a_value_or_refuses(text: str) -> None:
    try:
        table = put({}, f"key={text}")
    except RecipeError:
        return
    assert list(table) == ["key"]


@pytest.mark.parametrize("text", ["[" * 5000, "9" * 5000])
def test_put_takes_monstrous_values_for_text(text: str) -> None:
    assert put({}, f"key={text}") == {"key": text}
