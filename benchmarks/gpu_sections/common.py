"""What the sections share: their arguments, rows, experiments on noise, and times of a device that runs ahead."""

import argparse
import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import ganforge
from ganforge.plugins.host import default_host
from ganforge.recipes.laying import merge
from ganforge.training.backends import find_backend
from ganforge.training.benchmark import on_noise
from ganforge.training.experiment import Experiment

FRAMEWORKS = tuple(name for name in ("torch", "jax") if find_spec(name))
"""Those of this machine."""


class Asked(argparse.Namespace):
    """The arguments of a section."""

    device: str
    tiny: bool
    mnist: Path | None
    out: Path


def arguments() -> Asked:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args(namespace=Asked())


def tell(**row: Any) -> None:
    """Hand out a row."""
    print(json.dumps(row), flush=True)


def note(line: str) -> None:
    """A line for the section's log."""
    print(line, file=sys.stderr, flush=True)


def device_of(framework: str, asked: str) -> str:
    """The common name of the device that a framework computes on."""
    entry = find_backend(framework, default_host())
    assert entry.devices is not None
    return next(iter(entry.devices())) if asked == "auto" else asked


def noisy(recipe: str, overrides: dict[str, Any], framework: str, device: str, precision: str) -> Experiment:
    """A recipe on noise in a framework."""
    run = {"run": {"backend": framework, "device": device, "precision": precision}}
    return on_noise(ganforge.load_recipe(recipe, overrides=merge(overrides, run)), default_host())


def reduced(recipe: str) -> dict[str, Any]:
    """Overrides that make a recipe's networks narrow: one way or the other, as it is written."""
    loaded = ganforge.load_recipe(recipe)
    return {"width": 4} if loaded.generator is not None else {"architecture": {"width": 4}}


def seconds_a_step(step: Callable[[], object], wait: Callable[[], object], seconds: float) -> float:
    """The median over blocks of steps that run ahead of the device, which is waited for after each block."""
    for _ in range(3):
        step()
    wait()
    begun = perf_counter()
    step()
    wait()
    block = max(1, min(50, int(0.1 * seconds / (perf_counter() - begun))))
    times: list[float] = []
    while len(times) < 3 or block * sum(times) < seconds:
        begun = perf_counter()
        for _ in range(block):
            step()
        wait()
        times.append((perf_counter() - begun) / block)
    return median(times)
