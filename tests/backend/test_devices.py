"""The names of devices, and where a recipe is computed by them."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from fakes import FAKE_BACKEND, open_fake

from ganforge.backend import BackendEntry, Workers, choose_device, common_name
from ganforge.backend.contract import Shard
from ganforge.errors import PluginError
from ganforge.recipes.parsing import parse
from ganforge.spec import Gan, State
from ganforge.testing.tiny_gans import TINY
from ganforge.training.backends import on_device, pinned, tell_of_change

FOUND = {"cuda:0": "a", "cuda:1": "b", "cpu": "c"}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("cuda", "cuda:0"),
        ("cuda:1", "cuda:1"),
        ("CUDA:1", "cuda:1"),
        ("gpu", "cuda:0"),
        ("GPU:1", "cuda:1"),
        ("/device:GPU:1", "cuda:1"),
        ("/gpu:1", "cuda:1"),
        ("rocm:2", "cuda:2"),
        ("mps", "mps"),
        ("mps:0", "mps"),
        ("cpu", "cpu"),
        ("CPU:0", "cpu"),
        ("cpu:1", "cpu:1"),
        ("tpu", "tpu:0"),
    ],
)
def test_every_framework_s_name_of_a_device_is_one_common_name(said: str, meant: str) -> None:
    assert common_name(said) == meant
    assert common_name(meant) == meant


def test_auto_is_the_first_and_an_unknown_one_is_told_what_there_is() -> None:
    assert choose_device("auto", FOUND, "torch") == ("cuda:0", "a")
    assert choose_device("gpu:1", FOUND, "torch") == ("cuda:1", "b")
    with pytest.raises(PluginError, match="torch has no device 'cuda:2' on this machine; it has cuda:0, cuda:1, cpu,"):
        choose_device("cuda:2", FOUND, "torch")


def entry(found: Mapping[str, str] | None) -> BackendEntry:
    return replace(FAKE_BACKEND, devices=None if found is None else lambda: found)


def test_a_recipe_says_what_it_is_computed_on() -> None:
    given = parse({"name": "r", "run": {"device": "GPU"}})
    assert on_device(given, entry(FOUND)).run.device == "cuda:0"
    assert on_device(given, entry(None)).run.device == "GPU"
    assert on_device(given, entry(FOUND), Workers(shard=Shard(rank=1, count=2))).run.device == "GPU"
    with pytest.raises(PluginError, match="it has cpu"):
        on_device(given, entry({"cpu": ""}))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [("cuda:0", "cpu", True), ("cuda:0", "cuda:1", False), ("auto", "cpu", False), ("GPU:0", "cuda:0", False)],
)
def test_another_kind_of_device_is_told_in_one_line(before: str, now: str, told: bool) -> None:
    lines: list[str] = []
    tell_of_change(parse({"name": "r", "run": {"device": now}}), before, "run x", lines.append)
    assert [line.count("\n") for line in lines] == [0] * told
    if told:
        assert f"run x ran on {before} last and goes on on {now}" in lines[0]


def test_a_pinned_backend_opens_where_it_was_put() -> None:
    opened: list[str] = []

    def open_(gan: Gan, state: State, precision: str, device: str) -> object:
        opened.append(device)
        return open_fake(gan, state, precision, device)

    gan = TINY["adam"]
    for found in (FOUND, None):
        put = pinned(replace(entry(found), open=open_), "gpu:1")
        put.open(gan, gan.initial_state(0), "float32", "cpu")
    assert opened == ["cuda:1", "cpu"]
    with pytest.raises(PluginError, match="has no device 'mps'"):
        pinned(entry(FOUND), "mps")
