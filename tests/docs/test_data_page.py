"""docs/data.md: its commands run, and every setting that it names can be set."""

import re
from pathlib import Path

import numpy as np
import pytest
from pages import known_options, lines, options, run
from PIL import Image

from ganforge.data import OpenOptions
from ganforge.recipes.schema import DataSettings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def test_every_command_line_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))
    Path("my_images").mkdir()
    for number in range(3):
        pixels = np.full((40, 50, 3), number, np.uint8)
        Image.fromarray(pixels).save(f"my_images/{number}.png")
    written = lines(PAGE, "ganforge")
    assert len(written) == 3
    for arguments in written:
        run(arguments)
    assert sorted(file.name for file in Path("reals").iterdir()) == ["0.png", "1.png", "2.png"]


def test_every_option_and_setting_is_there() -> None:
    assert options(PAGE) <= known_options()
    known = {*OpenOptions.__struct_fields__, *DataSettings.__struct_fields__}
    named = set(re.findall(r"data\.([a-z_]+)(?==|`)", PAGE)) - {"as_image_set", "csv", "json", "jsonl"}
    assert {"background", "crop", "filter", "value_range"} <= named <= known
