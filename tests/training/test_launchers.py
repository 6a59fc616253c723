"""What torchrun, TF_CONFIG and the variables of JAX say of who trains together, and what is wrong with it."""

import json
from typing import Any

import pytest
from ganforge_jax import launch as jax_launch
from ganforge_tensorflow import launch as tensorflow_launch
from ganforge_torch import launch as torch_launch

from ganforge.backend.contract import Shard
from ganforge.errors import RunError

TORCHRUN = {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}


@pytest.mark.parametrize("said", [{}, {"WORLD_SIZE": "1"}])
def test_no_torchrun(said: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TORCHRUN:
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert torch_launch.started() == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WORLD_SIZE", "four", "WORLD_SIZE is 'four', which is no whole number"),
        ("RANK", "4", "RANK is 4, but WORLD_SIZE is 4: ranks are 0 to 3"),
        ("RANK", None, "but RANK is not set; start them with torchrun"),
        ("MASTER_ADDR", None, "but MASTER_ADDR is not set"),
    ],
)
def test_torchrun(name: str, value: str | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in TORCHRUN:
        monkeypatch.setenv(each, TORCHRUN[each])
    assert (torch_launch.started(), torch_launch.rank(), torch_launch.local_rank()) == (4, 3, 1)
    monkeypatch.delenv(name)
    if value is not None:
        monkeypatch.setenv(name, value)
    with pytest.raises(RunError, match=words):
        torch_launch.started()


def config(cluster: Any, job: str, index: Any) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": job, "index": index}})


@pytest.mark.parametrize(
    ("text", "rank", "count"),
    [
        ("", 0, 1),
        ("{}", 0, 1),
        ('{"task": {"type": "worker", "index": 0}}', 0, 1),
        (config({"worker": ["a:1"]}, "worker", 0), 0, 1),
        (config({"worker": ["a:1", "b:1"]}, "worker", 1), 1, 2),
        (config({"worker": ["a:1", "b:1"], "chief": ["c:1"]}, "worker", 1), 2, 3),
        (config({"worker": ["a:1", "b:1"], "chief": ["c:1"]}, "chief", 0), 0, 3),
    ],
)
def test_tf_config(text: str, rank: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    assert tensorflow_launch.shard() == Shard(rank=rank, count=count)
    assert tensorflow_launch.started() == count


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[1]", "must be an object"),
        ('{"cluster": [], "task": {}}', "must be an object"),
        (config({"worker": "a:1"}, "worker", 0), "hosts of each job as a list"),
        (config({"worker": ["a:1"]}, "worker", 1), "'worker' number 1, but in its cluster there are 0 'chief' and 1"),
        (config({"worker": ["a:1"]}, "worker", "0"), "'worker' number '0'"),
        (config({"worker": ["a:1"], "ps": ["b:1"]}, "ps", 0), "'ps' number 0"),
    ],
)
def test_tf_config_that_is_wrong(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(RunError, match=rf"TF_CONFIG .*{words}"):
        tensorflow_launch.started()


JAX = {"JAX_NUM_PROCESSES": "4", "JAX_PROCESS_ID": "3", "JAX_COORDINATOR_ADDRESS": "host:1234"}


@pytest.mark.parametrize("said", [{}, {"JAX_NUM_PROCESSES": "1"}, {"JAX_COORDINATOR_ADDRESS": "host:1234"}])
def test_no_workers_of_jax(said: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in JAX:
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert jax_launch.shard() == Shard()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("JAX_NUM_PROCESSES", "four", "JAX_NUM_PROCESSES is 'four'"),
        ("JAX_NUM_PROCESSES", "0", "JAX_NUM_PROCESSES is '0'"),
        ("JAX_PROCESS_ID", "4", "JAX_PROCESS_ID is 4, but JAX_NUM_PROCESSES is 4: ranks are 0 to 3"),
        ("JAX_PROCESS_ID", "-1", "JAX_PROCESS_ID is '-1'"),
        ("JAX_PROCESS_ID", None, "there are 4 workers, but JAX_PROCESS_ID is not set"),
        ("JAX_COORDINATOR_ADDRESS", None, "but JAX_COORDINATOR_ADDRESS is not set"),
        ("JAX_COORDINATOR_ADDRESS", "1234", "JAX_COORDINATOR_ADDRESS is '1234', which is no host:port"),
    ],
)
def test_workers_of_jax(name: str, value: str | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in JAX:
        monkeypatch.setenv(each, JAX[each])
    assert jax_launch.shard() == Shard(rank=3, count=4)
    monkeypatch.delenv(name)
    if value is not None:
        monkeypatch.setenv(name, value)
    with pytest.raises(RunError, match=words):
        jax_launch.started()
