"""What differs between two recipes, down to single layers."""

import json
from typing import Any

from click.testing import CliRunner

from ganforge.cli.main import cli
from ganforge.recipes.differences import compare

CONV, RELU, FLATTEN = {"kind": "conv", "filters": 3}, {"kind": "relu"}, {"kind": "flatten"}


def found(ours: dict[str, Any], theirs: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [tuple(each) for each in compare(ours, theirs)]


def test_settings_are_compared_by_their_paths() -> None:
    ours = {"a": 1, "t": {"x": 1, "y": {"z": [1, 2]}}, "same": {"u": 3}}
    theirs = {"b": 2, "t": {"x": 1, "y": {"z": [1, 3]}}, "same": {"u": 3}}
    assert found(ours, theirs) == [("a", 1, None), ("b", None, 2), ("t.y.z", [1, 2], [1, 3])]
    assert found(ours, ours) == []


def test_another_kind_of_thing_is_one_difference() -> None:
    ours, theirs = {"kind": "adam", "beta1": 0.5}, {"kind": "sgd", "momentum": 0.9}
    assert found({"optimizer": ours}, {"optimizer": theirs}) == [("optimizer", ours, theirs)]
    assert found({"optimizer": ours}, {"optimizer": ours | {"beta1": 0.0}}) == [("optimizer.beta1", 0.5, 0.0)]


def test_layers_that_both_have_lie_side_by_side() -> None:
    ours, theirs = [RELU, CONV, RELU, FLATTEN], [CONV, RELU, RELU, FLATTEN]
    assert found({"g": ours}, {"g": theirs}) == [("g[0]", RELU, None), ("g[3]", None, RELU)]
    assert found({"g": [CONV, RELU]}, {"g": [{**CONV, "filters": 4}, RELU]}) == [("g[0].filters", 3, 4)]
    assert found({"g": [CONV]}, {}) == [("g[0]", CONV, None)]
    assert found({"g": ours}, {"g": ours}) == []


def test_inner_layers_too() -> None:
    ours = {"stages": ["1/1", "1/2"], "layers": [{"kind": "residual", "layers": [CONV, RELU]}]}
    theirs = {"stages": ["1/1", "1/4"], "layers": [{"kind": "residual", "layers": [CONV]}]}
    assert found({"d": [ours]}, {"d": [theirs]}) == [
        ("d[0].layers[0].layers[1]", RELU, None),
        ("d[0].stages", ["1/1", "1/2"], ["1/1", "1/4"]),
    ]


def command(*arguments: str) -> str:
    answer = CliRunner().invoke(cli, ["recipes", "--compare", *arguments], catch_exceptions=False)
    return answer.output


def test_the_command() -> None:
    rows = json.loads(command("sngan-resnet", "projection", "--json"))
    assert {row["setting"]: (row["sngan-resnet"], row["projection"]) for row in rows}["conditional"] == (False, True)
    assert "generator[3].layers[0].layers[0]  kind batch_norm" in command("sngan-resnet", "projection")
    assert command("sngan", "sngan") == "nothing differs\n"
    assert "did you mean 'sngan'" in command("sngann", "sngan")
