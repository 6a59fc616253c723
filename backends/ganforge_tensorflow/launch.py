"""What TF_CONFIG tells a process of the others; TensorFlow is not needed to read it.

{"cluster": {"worker": ["host1:port", "host2:port"]}, "task": {"type": "worker", "index": 0}}
"""

import json
import os
from typing import Any

from ganforge.backend import Shard
from ganforge.errors import RunError

_VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")
"""The jobs whose tasks train, in the order in which they are counted."""


def started() -> int:
    """How many workers there are; 1 where nothing is said of any.

    Raises:
        RunError: TF_CONFIG is no such description, or this process has no place in it.
    """
    return shard().count


def shard() -> Shard:
    """The place of this process among the workers.

    Raises:
        RunError: see `started`.
    """
    text = os.environ.get(_VARIABLE, "")
    if not text.strip():
        return Shard()
    try:
        described = json.loads(text)
    except ValueError as error:
        raise _wrong(f"is no JSON: {error}") from error
    cluster, task = _part(described, "cluster"), _part(described, "task")
    if not cluster:  # some services set it without one where there is a single process
        return Shard()
    hosts = {job: cluster.get(job, []) for job in _JOBS}
    if not all(isinstance(each, list) for each in hosts.values()):
        raise _wrong("must give the hosts of each job as a list")
    job, index = task.get("type"), task.get("index")
    if job not in _JOBS or type(index) is not int or not 0 <= index < len(hosts[job]):
        raise _wrong(
            f"says that this process is {job!r} number {index!r}, but in its cluster there are "
            f"{' and '.join(f'{len(each)} {name!r}' for name, each in hosts.items())}"
        )
    before = len(hosts["chief"]) if job == "worker" else 0
    return Shard(rank=before + index, count=sum(map(len, hosts.values())))


def address() -> str:
    """Where the others find this process, as host:port."""
    described = json.loads(os.environ[_VARIABLE])
    task = described["task"]
    return str(described["cluster"][task["type"]][task["index"]])


def _part(described: Any, key: str) -> dict[str, Any]:
    part = described.get(key, {}) if isinstance(described, dict) else None
    if not isinstance(part, dict):
        raise _wrong(f"must be an object with the objects 'cluster' and 'task', not {json.dumps(described):.60}")
    return part


def _wrong(what: str) -> RunError:
    return RunError(f"the environment variable {_VARIABLE} {what}; see docs/scaling.md, or unset it to train alone")
