"""What a machine with a GPU says of ganforge, in under 8 minutes: parity, exact resume, speed, training, a profile.

    python benchmarks/gpu.py [--sections parity,resume] [--device auto] [--mnist PATH] [--out gpu-results]
    python benchmarks/gpu.py --tiny                      # all of it at tiny size, on any machine

On a bare machine, with Python 3.12, torch, jax, numpy and scikit-learn but no network, the checkout need not be
installed. What it lacks travels beside it as wheels, downloaded where there is a network:

    pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux2014_x86_64 \
        --platform manylinux_2_17_x86_64 --platform manylinux_2_28_x86_64 -d wheels \
        autograd filelock msgspec platformdirs pooch tomli-w rich markdown-it-py mdurl pygments requests
    python benchmarks/gpu.py --wheels wheels

Each section is a process of its own with a time limit; one that takes longer is cut, and what it had measured stays.
After each section OUT/results.json is written anew; its images and what it printed lie beside it. A short table comes
last. Exit code 1: a section failed, was cut, or found numbers that differ.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"parity": 90, "resume": 50, "speed": 145, "profile": 30, "training": 85}
"""Seconds of each section; with MNIST 475 together, under 8 minutes."""
WITH_MNIST = 75
"""More for a second training."""
TINY = 280
"""Of a tiny section, on a machine that may be busy."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", default=",".join(LIMITS), help="some of them, with commas between")
    parser.add_argument("--device", default="auto", help="as ganforge's --device")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes, to try the script itself")
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's files")
    parser.add_argument("--wheels", type=Path, help="folder of wheels of what this machine lacks")
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="folder for results")
    asked = parser.parse_args()
    names = asked.sections.split(",")
    if unknown := set(names) - set(LIMITS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}; there are {', '.join(LIMITS)}")
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as site:
        environment = prepared(Path(site), asked.wheels)
        results = {}
        for name in names:
            results[name] = run(name, asked, environment)
            (asked.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
            print(f"{name}: {results[name]['end']} after {results[name]['seconds']:.0f} s", flush=True)
    print()
    print("\n".join(table(results)))
    sys.exit(any(each["end"] != "done" or wrong(each["rows"]) for each in results.values()))


def prepared(site: Path, wheels: Path | None) -> dict[str, str]:
    """The environment in which sections run: the checkout as it is, beside what the wheels bring.

    Plugins are found by the entry points of an installed distribution. A checkout that is not installed has none, so
    they are written out from pyproject.toml.
    """
    if wheels is not None:
        found = sorted(map(str, wheels.glob("*.whl")))
        if not found:
            sys.exit(f"there are no wheels in {wheels}")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(site)]
        subprocess.run([*install, *found], check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (version,) = re.findall(r'^__version__ = "(.+)"$', (ROOT / "ganforge" / "__init__.py").read_text(), re.MULTILINE)
    about = site / f"ganforge-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ganforge\nVersion: {version}\n")
    lines = [f"{name} = {place}" for name, place in project["entry-points"]["ganforge"].items()]
    (about / "entry_points.txt").write_text("\n".join(["[ganforge]", *lines, ""]))
    paths = [site, ROOT, ROOT / "backends", ROOT / "plugins", ROOT / "benchmarks", os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(str(path) for path in paths if path),
        "PYTHONUNBUFFERED": "1",
        "GANFORGE_CACHE": str(site / "cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def run(name: str, asked: argparse.Namespace, environment: dict[str, str]) -> dict[str, Any]:
    """One section in its process: its rows, how it ended, and how long it took."""
    limit = TINY if asked.tiny else LIMITS[name] + (WITH_MNIST if name == "training" and asked.mnist else 0)
    command = [sys.executable, "-m", f"gpu_sections.{name}", "--device", asked.device, "--out", str(asked.out)]
    command += ["--tiny"] * asked.tiny + (["--mnist", str(asked.mnist)] if asked.mnist else [])
    rows: list[dict[str, Any]] = []
    begun = monotonic()
    with (
        (asked.out / f"{name}.log").open("w") as log,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        ) as process,
    ):
        timer = Timer(limit, lambda: os.killpg(process.pid, 9))
        timer.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                rows.append(json.loads(line))
                print("  " + worded(rows[-1]), flush=True)
            code = process.wait()
        finally:
            timer.cancel()
    seconds = monotonic() - begun
    cut = code == -9 and seconds >= limit
    end = "done" if code == 0 else f"cut at its limit of {limit} s" if cut else f"failed, see {asked.out / name}.log"
    return {"end": end, "seconds": seconds, "rows": rows}


def wrong(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that found what must not be."""
    return [row for row in rows if row.get("ok") is False]


def table(results: dict[str, Any]) -> list[str]:
    """A few lines for each section: what is wrong, and what it is there for."""
    lines = []
    for name, result in results.items():
        rows = result["rows"]
        lines.append(
            f"{name:<9} {result['end']}, {result['seconds']:.0f} s, {len(rows)} rows, {len(wrong(rows))} wrong"
        )
        lines += [f"  {worded(row)}" for row in (wrong(rows) or [row for row in rows if row.get("headline")])[:14]]
    return lines


def worded(row: dict[str, Any]) -> str:
    """A row on one line."""
    shown = {key: value for key, value in row.items() if key != "headline" and not isinstance(value, list | dict)}
    return "  ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in shown.items()
    )


if __name__ == "__main__":
    main()
