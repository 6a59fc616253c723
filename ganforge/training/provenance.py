"""What a run was made with: `provenance.jsonl` in its folder, one line of JSON for each time it was started.

{"date": "2026-03-01T12:00:00+00:00", "ganforge": "0.1.0", "python": "3.11.9", "framework": {"torch": "2.6.0"}, ...}
"""

import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ganforge._io.files import append
from ganforge.backend.contract import BackendEntry
from ganforge.errors import RunError
from ganforge.training.experiment import Experiment

NAME = "provenance.jsonl"
DECIDING = ("ganforge", "python", "framework", "platform", "threads", "commit")
"""What may change the numbers, of all that is recorded; of another device the user is told elsewhere."""


def provenance(backend: BackendEntry, device: str) -> dict[str, Any]:
    """Versions, machine, command and commit of this process.

    The commit is that of the repository in which the process was started, if any; its files may differ from it.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv[0] else "",
        "commit": _commit(),
        "ganforge": _versions(("ganforge",))["ganforge"],
        "python": platform.python_version(),
        "framework": {"backend": backend.name, **_versions(backend.modules)},
        "platform": platform.platform(),
        "device": device,
        "threads": {"processors": os.cpu_count(), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")},
    }


def made_with(experiment: Experiment) -> dict[str, Any]:
    """The provenance of a run of this experiment, begun now."""
    assert experiment.backend is not None, "choose a backend"
    return provenance(experiment.backend, experiment.recipe.run.device)


def record(folder: Path, line: dict[str, Any]) -> None:
    """Add a line to a run's record.

    Raises:
        WriteError: it cannot be written.
        RunError: what is there cannot be read.
    """
    path = folder / NAME
    try:
        torn = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")  # a line that was cut short stays one
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    append(path, b"\n" * torn + f"{json.dumps(line)}\n".encode())


def last(folder: Path) -> dict[str, Any] | None:
    """The newest line of a run's record; None: it has none that can be read."""
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
        found = json.loads(lines[-1]) if lines else None
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def changes(before: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
    """What differs between two lines in what may change the numbers, a line for each: `python: 3.11.9, now 3.12.1`."""
    if before is None:
        return []
    return [
        f"{name}: {_worded(before[name])}, now {_worded(now[name])}"
        for name in DECIDING
        if name in before and before[name] != now[name]
    ]


def _worded(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def _versions(modules: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for module in dict.fromkeys(name.partition(".")[0] for name in modules):
        try:
            found[module] = version(module)
        except PackageNotFoundError:  # a module whose distribution has another name
            found[module] = "?"
    return found


def _commit() -> str | None:
    """The commit that is checked out in the working folder; None: it is in no repository, or git is not installed."""
    try:
        asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None
