"""What the time from the command to the first step is spent on, with the images in the cache already.

    python benchmarks/start.py [--recipe digits] [--backends torch,tensorflow] [--runs 5] [--data PATH] [--json FILE]

Each run is `ganforge train --steps 1` in a process of its own, in which the functions between the command and the first
step are timed; one run more, that fills the caches, is not counted. Printed: medians in ms, processor time in brackets:
it is what counts on a machine that does other things beside.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time, time
from typing import Any

Spent = list[tuple[str, float, float]]
"""Phases in order, with seconds of the wall clock and of the processor."""


def child(begun: float, backend: str, arguments: list[str]) -> None:
    """The command, its phases written as JSON into the file `spent` when the first step is done."""
    spent: Spent = [("Python", time() - begun, process_time())]
    last = [perf_counter(), process_time()]

    def over(phase: str) -> None:
        here = [perf_counter(), process_time()]
        spent.append((phase, here[0] - last[0], here[1] - last[1]))
        last[:] = here

    def ends(phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            result = function(*given, **named)
            over(phase)
            return result

        return timed

    def open_model(*given: Any) -> Any:
        over("initial weights")
        import_module(backend)
        over("import of the framework")
        return opened(*given)

    def finished(*given: Any) -> None:
        over("first step")
        Path("spent").write_text(json.dumps(spent), encoding="utf-8")
        told(*given)

    from ganforge.cli.main import main as command
    from ganforge.plugins import host as plugins
    from ganforge.recipes import reading
    from ganforge.training import experiment, starting
    from ganforge.training.run_events import RunEvents

    over("import of ganforge")
    plugins.default_host()
    over("plugins")
    opened, told = ends("session", starting.open_model), RunEvents.step_finished
    reading.read = ends("recipe", reading.read)
    experiment.with_data = ends("data set opened", experiment.with_data)
    experiment.build_gan = ends("networks", experiment.build_gan)
    starting.decoded = ends("images from the cache", starting.decoded)
    starting.open_model = open_model
    starting.write_recipe = ends("run's folder", starting.write_recipe)
    RunEvents.step_finished = finished  # type: ignore[method-assign, assignment]
    sys.argv = ["ganforge", *arguments]
    command()


def measured(backend: str, arguments: list[str], folder: Path, number: int) -> Spent:
    """One run's phases; those that come twice are added up."""
    own = ["train", "--backend", backend, "--steps", "1", "--out", f"run-{number}", *arguments]
    command = [sys.executable, str(Path(__file__).resolve()), "--child", repr(time()), backend, json.dumps(own)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=os.environ | {"GANFORGE_CACHE": str(folder / "cache")}
    )
    if done.returncode:
        sys.exit(done.stderr)
    phases: dict[str, tuple[float, float]] = {}
    for phase, wall, cpu in json.loads((folder / "spent").read_text(encoding="utf-8")):
        before = phases.get(phase, (0.0, 0.0))
        phases[phase] = before[0] + wall, before[1] + cpu
    return [(phase, wall, cpu) for phase, (wall, cpu) in phases.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--backends", default="torch,tensorflow")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    arguments = ["--recipe", options.recipe]
    if options.data is not None:
        arguments += ["--data", str(options.data.resolve())]
    found: dict[str, Spent] = {}
    for backend in options.backends.split(","):
        with TemporaryDirectory() as scratch:
            runs = [measured(backend, arguments, Path(scratch), number) for number in range(options.runs + 1)][1:]
        found[backend] = [(first[0], *_medians(each)) for each in zip(*runs, strict=True) for first in each[:1]]
        found[backend].append(("together", *_medians([("", *_sums(run)) for run in runs])))
        print(f"{options.recipe}, {backend}")
        for phase, wall, cpu in found[backend]:
            print(f"  {phase:28} {wall * 1e3:8.0f} ({cpu * 1e3:.0f})", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _sums(run: Spent) -> tuple[float, float]:
    return sum(wall for _, wall, _ in run), sum(cpu for _, _, cpu in run)


def _medians(runs: Any) -> tuple[float, float]:
    return median(wall for _, wall, _ in runs), median(cpu for _, _, cpu in runs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(float(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4]))
    else:
        main()
