"""Plain data to typed settings: what is refused in our own words is what msgspec refuses, no more and no less."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, Union

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from fakes import core_host
from hypothesis import given, settings
from msgspec import Meta, inspect

from ganforge._io.convert import _faults, convert
from ganforge.errors import RecipeError
from ganforge.recipes.reading import load_table, parse
from ganforge.recipes.schema import Recipe
from ganforge.recipes.templates import fill, stand_in
from ganforge.spec.gan import NETWORKS
from ganforge.spec.layers import LAYERS
from ganforge.spec.optimizers import OPTIMIZERS

Path = tuple[Any, ...]
ANY_LAYER: Any = Union[LAYERS]  # noqa: UP007
ANY_OPTIMIZER: Any = Union[OPTIMIZERS]  # noqa: UP007


def _whole() -> Iterator[tuple[type, Any]]:
    """Types and data that are right for them: every setting of a recipe, and layers of every kind that one has."""
    for name in ("cgan-mnist", "dcgan", "faces", "frogs", "digits"):
        recipe = parse(load_table(name, core_host()[0]))
        table = msgspec.to_builtins(recipe)
        for network in NETWORKS:  # which the parser converts by themselves
            yield ANY_OPTIMIZER, table["training"][network].pop("optimizer")
        yield Recipe, table
        if recipe.generator is not None:
            layers = fill(recipe.written, recipe.layers, stand_in(width=True), name)
            for layer in (*layers.generator, *layers.discriminator):
                yield ANY_LAYER, msgspec.to_builtins(layer)


WHOLE = list(_whole())
VALUES: list[Any] = [
    *(None, True, 0, 1, -1, 3, 2**40, 0.0, 0.5, -2.5, "", "adam", "dense", "normal", "8x8", date(2020, 1, 1)),
    *(
        [],
        [1],
        [1, 2],
        [1, "x"],
        [[0, 1], [1, 0]],
        {},
        {"kind": "adam"},
        {"kind": "sgd", "learning_rate": 1.0},
        {"x": 1},
    ),
    *({"kind": "relu"}, {"kind": "constant", "value": 1}, {"kind": []}, {"kind": "zz"}, [{"kind": "relu"}], (1, 2)),
]
CHANGES = st.sampled_from(["replace", "replace", "remove", "rename"])


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, each in pairs:
        yield from _paths(each, (*path, key))


def _changed(value: Any, path: Path, change: str, new: Any) -> Any:
    if not path:
        return new
    first, *rest = path
    items = dict(value) if isinstance(value, dict) else list(value)
    if rest or change == "replace":
        items[first] = _changed(items[first], tuple(rest), change, new)
    elif change == "remove":
        del items[first]
    elif isinstance(items, dict):
        items[f"{first}x"] = items.pop(first)
    return items


@settings(max_examples=1000)
@given(data=st.data())
@pytest.mark.slow
def test_it_agrees_with_msgspec(data: st.DataObject) -> None:
    kind, table = data.draw(st.sampled_from(WHOLE))
    for _ in range(data.draw(st.integers(0, 2))):
        path = data.draw(st.sampled_from(list(_paths(table))))
        table = _changed(table, path, data.draw(CHANGES), data.draw(st.sampled_from(VALUES)))
    faults = list(_faults(table, inspect.type_info(kind), ""))
    try:
        msgspec.convert(table, kind)
        refused = ""
    except msgspec.ValidationError as error:
        refused = str(error)
    if "must be less than high" in refused:  # a rule of the type's own
        return
    assert bool(faults) == bool(refused), (faults, refused)
    for fault in faults:
        assert "`" not in fault and "$" not in fault


def test_the_data_to_begin_with_are_right() -> None:
    assert {kind for kind, _ in WHOLE} == {Recipe, ANY_LAYER, ANY_OPTIMIZER}
    assert all(msgspec.convert(table, kind) for kind, table in WHOLE)


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: Annotated[int, Meta(ge=1, lt=9)]


class Pair(msgspec.Struct, frozen=True, array_like=True):
    first: int
    second: int


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a plugin: also types that no recipe of ours has."""

    share: Annotated[float, Meta(ge=0, le=0.5, description="of the whole")] = 0.0
    name: Annotated[str, Meta(min_length=2)] = "ab"
    day: date = date(2020, 1, 1)
    words: dict[str, list[int]] = {}
    mode: Literal["fast", 3] = 3
    each: tuple[Inner, ...] = ()
    any: Any = None
    pair: Pair = Pair(1, 2)
    few: Annotated[list[int], Meta(max_length=1)] = []


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"share": 0.75}, "share must be a number >= 0 and <= 0.5"),
        ({"share": "half"}, "share must be a number, not text"),
        ({"share": None}, "share must be a number, not None"),
        ({"name": date(2020, 1, 2)}, "name must be text, not a date; put it in quotes"),
        ({"name": None}, "name must be text, not None$"),
        ({"words": {"a": [1, "b"]}}, r"words\.a\[1\] must be a whole number, not text"),
        ({"mode": "fats"}, "unknown value 'fats' at mode; did you mean 'fast'"),
        ({"mode": 4}, "mode must be 3 or fast, not 4"),
        ({"mode": 3.0}, "mode must be a whole number or text, not a decimal number"),
        ({"each": [{"size": 9}]}, r"each\[0\]\.size must be a whole number >= 1 and < 9"),
        ({"each": [{}]}, r"key 'size' is missing in \[each\[0\]\]; it must be a whole number >= 1 and < 9"),
        ({"each": [{"size": 1, "siez": 2}]}, r"unknown key 'siez' in \[each\[0\]\]; did you mean 'size'"),
        ({3: 4}, "unknown key '3'; known: "),
        ([], "it must be a table, not a list"),
        # what is left to msgspec, in its words, with the place
        ({"day": "Monday"}, "date.*, at day"),
        ({"name": "a"}, "length.*, at name"),
        ({"few": [1, 2]}, "length.*, at few"),
        ({"share": np.float64(0.25)}, "numpy.float64.*, at share"),
    ],
    ids=str,
)
def test_refused_with_its_place(table: Any, said: str) -> None:
    with pytest.raises(RecipeError, match=f"^here: .*{said}"):
        convert(table, Options, "here")


def test_taken() -> None:
    table = {"share": 0, "day": "2021-02-03", "any": {"x": [None]}, "each": ({"size": 2},), "mode": "fast"}
    options = convert(table | {"pair": [3, 4]}, Options, "here")
    assert options == Options(day=date(2021, 2, 3), any={"x": [None]}, each=(Inner(2),), mode="fast", pair=Pair(3, 4))
    assert convert(options, Options, "here") is options
