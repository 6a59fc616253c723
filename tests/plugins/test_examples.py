"""examples/: the tests of the layer and of the optimizer pass as installed, in both frameworks."""

import subprocess
import sys
from pathlib import Path

import pytest
from frameworks import need
from processes import as_installed
from tiers import slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("name", [slow("ganforge-layer-squeeze-excite"), slow("ganforge-optimizer-lion")])
def test_its_own_tests_pass(name: str, tmp_path: Path) -> None:
    for module in ("autograd", "torch", "tensorflow"):
        need(module)
    project, site = EXAMPLES / name, tmp_path / "site"
    site.mkdir()
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "--import-mode", "importlib", "--rootdir", str(project)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, project / "tests"],
        env=as_installed(project, site, "torch", "tensorflow", "digits"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
