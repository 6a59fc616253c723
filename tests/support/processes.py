"""Other processes for tests: Python with the stand-ins of fakes.py installed as a plugin, as a user's would be."""

import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

STAND_INS = """
import ganforge
import fakes

@ganforge.hookimpl
def ganforge_backends():
    return (fakes.FAKE_BACKEND,)

@ganforge.hookimpl
def ganforge_datasets():
    return (fakes.STRIPES,)
"""


def install(folder: Path, name: str, source: str) -> None:
    """A distribution of one module with one entry point, as pip lays it out in `folder`, which must be on the path."""
    module = f"plug_{name.replace('-', '_')}"
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / f"{module}.py").write_text(source)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[ganforge]\n{name} = {module}\n")


def python(*arguments: str, site: Path, **environment: str) -> "subprocess.Popen[str]":
    """Start Python on `arguments`, with `site` and the tests on its path."""
    path = os.pathsep.join([str(site), str(Path(__file__).parent), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"} | environment,
    )


def ended(process: "subprocess.Popen[str]", seconds: float = 120) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process that ends by itself."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"still there after {seconds} s: {process.communicate()}") from None
    return process.returncode, out, err


def wait_until(come: Callable[[], object], seconds: float = 60) -> None:
    """Wait until `come()` is true."""
    end = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def as_installed(project: Path, site: Path, *plugins: str) -> dict[str, str]:
    """The environment of a process that finds `project` as if pip had installed it, beside some of our plugins.

    `site`, an empty folder, gets its metadata.
    """
    with (project / "pyproject.toml").open("rb") as file:
        table = tomllib.load(file)["project"]
    information = site / f"{table['name'].replace('-', '_')}-{table['version']}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {table['name']}\nVersion: {table['version']}\n"
    )
    entries = "".join(f"{name} = {module}\n" for name, module in table["entry-points"]["ganforge"].items())
    (information / "entry_points.txt").write_text(f"[ganforge]\n{entries}")
    chosen = ",".join([*table["entry-points"]["ganforge"], *plugins])
    paths = [str(project), str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "GANFORGE_STRICT": "1", "GANFORGE_PLUGINS": chosen}
