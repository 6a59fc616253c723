"""Runs logged to Weights & Biases offline, read back from the file that it leaves."""

import json
import sys
from pathlib import Path
from typing import Any

import ganforge_wandb
import pytest
from frameworks import need
from processes import wait_until

import ganforge
from ganforge.plugins.host import Host


@pytest.fixture
def host(drawing: Host) -> Host:
    drawing.add("wandb", lambda: ganforge_wandb)
    return drawing


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    need("wandb")
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    for place in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(place, str(tmp_path / "wandb-home"))


def records(file: Path) -> list[Any]:
    """The records of a file that an offline run leaves.

    After a head of 7 bytes it is a log as LevelDB writes it: blocks of 32 KB, in which each part of a record has its
    checksum (4 bytes), length (2) and type (1: whole, 2: first, 3: middle, 4: last).
    """
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, whole, found = file.read_bytes(), 7, b"", []
    while at + 7 <= len(content):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            found.append(Record.FromString(whole))
            whole = b""
    return found


def rows(file: Path) -> list[dict[str, Any]]:
    """What was logged, a row for each step."""
    found = [record.history for record in records(file) if record.HasField("history")]
    return [{".".join(each.nested_key) or each.key: json.loads(each.value_json) for each in row.item} for row in found]


def test_a_run_and_its_resumption_are_one_run(host: Host, offline: None) -> None:
    run = ganforge.train("./r.toml", out="run", overrides={"run.sample_every": 5})
    assert not host.failures
    (file,) = run.folder.glob("wandb/offline-run-*/*.wandb")
    wait_until(lambda: any(record.HasField("exit") for record in records(file)))  # another process writes it
    logged = rows(file)
    losses = [(row["_step"], row["d_loss"]) for row in logged if "d_loss" in row]
    assert losses == [(step, 1.5) for step in (2, 4, 6, 8, 10)]
    assert [row["_step"] for row in logged if any(key.startswith("samples") for key in row)] == [5, 10]
    settings = {
        each.key: json.loads(each.value_json)
        for record in records(file)
        if record.HasField("run")
        for each in record.run.config.update
    }
    assert settings["training.batch_size"] == run.recipe.training.batch_size

    ganforge.resume("run", steps=14)
    assert not host.failures
    names = {each.name.rpartition("-")[2] for each in run.folder.glob("wandb/offline-run-*")}
    assert names == {(run.folder / ganforge_wandb.RUN_ID).read_text().strip()}


def test_nothing_is_logged_unless_asked_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    run = ganforge.train("./r.toml", out="run")
    assert not host.failures and not list(run.folder.glob("wandb*"))


def test_without_wandb_the_run_goes_on(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert ganforge.train("./r.toml", out="run").step == 10
    (failure,) = host.failures
    assert "pip install 'ganforge[wandb]'" in failure.reason
