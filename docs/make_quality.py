"""Writes the table of recipes in docs/quality.md, from the figures kept in docs/quality.json.

ganforge evaluate RUN --extractor lite0 --json RUN/figures.json
python docs/make_quality.py RUN [RUN ...]   # take over the figures of these runs of shipped recipes
python docs/make_quality.py                 # the table alone

Of each run the last of the checkpoints that were measured is taken.
"""

import json
import sys
from pathlib import Path
from typing import Any

import ganforge
from ganforge.plugins import default_host
from ganforge.recipes import Recipe, RecipeEntry, to_table

PAGE = Path(__file__).with_name("quality.md")
FIGURES = PAGE.with_suffix(".json")
COMMAND = "python docs/make_quality.py"
BEGIN, END = "<!-- The table, made by docs/make_quality.py -->\n", "<!-- The end of it -->\n"
FREE = ("data", "run", "evaluation", "class_names", "channels", "name", "summary")
"""What belongs to a machine or to the data, and is told in other columns."""
HEAD = """| recipe | changed settings | steps | images | KID | precision | recall | recognised | real against real |
|---|---|---|---|---|---|---|---|---|
"""


def figures() -> dict[str, dict[str, Any]]:
    """What is kept, by the recipe's name."""
    return json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}  # type: ignore[no-any-return]


def measured(folder: Path) -> tuple[str, dict[str, Any]]:
    """The recipe's name and the figures of a run."""
    recipe = ganforge.load_recipe(folder / "recipe.toml")
    found = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    (report,) = found["reports"]
    return recipe.name, {
        "changed": changed(recipe),
        "images": found["images"],
        "real": f"{found['real_images']:,} of {recipe.data.set}",
        "extractor": report["fingerprint"],
        "resizing": report["resizing"],
        "version": ganforge.__version__,
        "row": report["rows"][-1],
        "floor": report["floor"],
    }


def changed(recipe: Recipe) -> str:
    """How the recipe of a run differs from the shipped one in what decides the images, as `--set` takes it."""
    ours, shipped = (dict(flat(to_table(each))) for each in (recipe, ganforge.load_recipe(recipe.name)))
    return " ".join(f"{key}={ours[key]}" for key in ours if key not in shipped or ours[key] != shipped[key])


def flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Every value with its path."""
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        if prefix or key not in FREE:
            found += flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return found


def page() -> str:
    """The whole page, with the table of what is kept."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{tables()}{END}{after}"


def tables() -> str:
    """The table of all shipped recipes, and what was measured with."""
    kept = figures()
    entries = default_host().entries("ganforge_recipes", RecipeEntry)
    names = sorted(name for name, each in entries.items() if each.plugin == "ganforge.plugins.builtin")
    rows = "".join(f"{row(name, kept[name]) if name in kept else nothing(name)}\n" for name in names)
    by = sorted({f"{each['extractor']}; {each['resizing']}; ganforge {each['version']}" for each in kept.values()})
    return f"\n{HEAD}{rows}\n{'; '.join(by)}.\n\n"


def row(name: str, kept: dict[str, Any]) -> str:
    """A line of a recipe that was measured."""
    found, floor = (kept[each]["measures"] for each in ("row", "floor"))
    cells = [
        name,
        f"`{kept['changed']}`" if kept["changed"] else "none",
        f"{kept['row']['step']:,}",
        f"{kept['images']:,}, real ones from {kept['real']}",
        kid(found),
        f"{found['precision']:.3f}",
        f"{found['recall']:.3f}",
        share(kept["row"]["recognised"]),
        f"KID {kid(floor)}, {floor['precision']:.3f}, {floor['recall']:.3f}, {share(kept['floor']['recognised'])}",
    ]
    return f"| {' | '.join(cells)} |"


def nothing(name: str) -> str:
    """A line of a recipe of which no run has been measured."""
    return f"| {name} | not measured{' |' * 8}"


def kid(measures: dict[str, float]) -> str:
    """The kernel distance with its deviation."""
    return f"{measures['kid']:.3g} ± {measures['kid_deviation']:.2g}"


def share(value: float | None) -> str:
    """Per cent; of recipes without classes a stroke."""
    return "-" if value is None else f"{value:.1%}"


if __name__ == "__main__":
    kept_now = figures()
    for given in sys.argv[1:]:
        name_of_run, figures_of_run = measured(Path(given))
        kept_now[name_of_run] = figures_of_run
        FIGURES.write_text(f"{json.dumps(kept_now, indent=2, sort_keys=True)}\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
