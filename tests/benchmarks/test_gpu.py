"""The kit for a machine with a GPU, tried at tiny size on the CPU, so that it runs when there is one."""

import json
import runpy
import sys
from argparse import Namespace
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
KIT = runpy.run_path(str(ROOT / "benchmarks" / "gpu.py"))


def kit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--tiny", "--device", "cpu", "--out", str(tmp_path), *arguments])
    with pytest.raises(SystemExit) as ended:
        KIT["main"]()
    return int(ended.value.code or 0), json.loads((tmp_path / "results.json").read_text())


def test_a_checkout_that_is_not_installed_has_its_plugins(tmp_path: Path) -> None:
    environment = KIT["prepared"](tmp_path, None)
    (found,) = [each for each in distributions(path=[str(tmp_path)]) if each.name == "ganforge"]
    assert {"torch", "jax", "digits"} <= {each.name for each in found.entry_points.select(group="ganforge")}
    assert str(ROOT) in environment["PYTHONPATH"].split(":")


def test_all_sections_together_take_less_than_eight_minutes() -> None:
    assert sum(KIT["LIMITS"].values()) + KIT["WITH_MNIST"] < 8 * 60
    modules = {path.stem for path in (ROOT / "benchmarks" / "gpu_sections").glob("*.py")}
    assert set(KIT["LIMITS"]) < modules


def test_a_section_that_overruns_is_cut_and_what_it_found_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = tmp_path / "gpu_sections"
    slow.mkdir()
    (slow / "__init__.py").touch()
    (slow / "speed.py").write_text('import time\nprint(\'{"ok": true, "number": 1.5}\', flush=True)\ntime.sleep(60)\n')
    (slow / "parity.py").write_text("print('{\"ok\": false}')\n")
    (slow / "resume.py").write_text("raise SystemExit(3)\n")
    monkeypatch.setitem(KIT["run"].__globals__, "TINY", 2)
    asked = Namespace(tiny=True, device="cpu", out=tmp_path, mnist=None)
    found = {name: KIT["run"](name, asked, {"PYTHONPATH": str(tmp_path)}) for name in ("speed", "parity", "resume")}
    assert found["speed"]["end"] == "cut at its limit of 2 s"
    assert found["speed"]["rows"] == [{"ok": True, "number": 1.5}]
    assert found["parity"]["end"] == "done"
    assert found["resume"]["end"].startswith("failed, see ")
    assert KIT["wrong"](found["parity"]["rows"]) == [{"ok": False}]
    assert "number 1.5" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("section", KIT["LIMITS"])
def test_every_section_passes_at_tiny_size(section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, results = kit(monkeypatch, tmp_path, "--sections", section)
    log = (tmp_path / f"{section}.log").read_text()
    assert results[section]["end"] == "done", log
    assert code == 0, results
    assert results[section]["rows"]
    assert not [row for row in results[section]["rows"] if "failed" in row], log
