"""The rooms of the core: no circle of files, no import of a room above, and extensions enter by the door.

All imports count: those for type checkers and those inside of functions too.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "ganforge"
LAYERS = next(
    contract["layers"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    if contract["id"] == "layers"
)
"""The rooms, from the top down."""
MOST_ENTRIES = 15  # the fifteenth is evaluation/: how good a run is, which is neither training nor parity


def module_name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


FILES = {module_name(path, ROOT): path for path in sorted(CORE.rglob("*.py"))}
ROOMS = {f"ganforge.{path.parent.name}" for path in CORE.glob("*/__init__.py")}


def imports(path: Path) -> Iterator[str]:
    """The modules that a file names, wherever in it: `from a.b import c` as `a.b.c`, whether c is a module or not."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def file_of(name: str) -> str | None:
    """The file of the core that an import means: a module, or the one that the name is taken from."""
    if name in FILES:
        return name
    home = name.rpartition(".")[0]
    return home if home in FILES else None


def needs(name: str) -> set[str]:
    return {found for each in imports(FILES[name]) if (found := file_of(each)) is not None} - {name}


def room(name: str) -> str:
    """Of a file; empty for `ganforge/__init__.py`, the Python face."""
    return name.split(".")[1] if "." in name else ""


def test_there_is_no_circle_of_files() -> None:
    try:
        TopologicalSorter({name: needs(name) for name in FILES}).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_a_room_imports_from_rooms_below_it_alone() -> None:
    floors = {name: floor for floor, name in enumerate(reversed(LAYERS))}
    floors[""] = floors["cli"] - 0.5  # the Python face stands on all but the command line
    upward = [
        f"{name} imports {other}"
        for name in FILES
        for other in sorted(needs(name))
        if floors[room(other)] > floors[room(name)]
    ]
    assert upward == []


def test_the_core_imports_modules_rather_than_what_their_room_exports() -> None:
    """So that a module needs the files that it names, not a whole room."""
    by_door = [
        f"{name} imports from {other}"
        for name, path in FILES.items()
        if path.name != "__init__.py"
        for other in sorted(needs(name) & ROOMS)
    ]
    assert by_door == []


def test_extensions_import_what_rooms_export() -> None:
    paths = [path for folder in ("backends", "plugins", "examples") for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(paths) > 20
    found = [f"{path.relative_to(ROOT)}: {each}" for path in paths for each in imports(path) if inside(each)]
    assert found == []


def test_documents_and_templates_show_what_rooms_export() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *CORE.rglob("*.template"), *ROOT.glob("examples/*/README.md")]
    lines = re.compile(r"^[ >]*from (ganforge[\w.]*) import (\w+)|^[ >]*import (ganforge[\w.]*)", flags=re.MULTILINE)
    named = [
        (page, module or f"{home}.{first}")
        for page in pages
        for home, first, module in lines.findall(page.read_text(encoding="utf-8"))
    ]
    assert len(named) > 20
    assert [f"{page.relative_to(ROOT)}: {each}" for page, each in named if inside(each)] == []


def inside(name: str) -> bool:
    """Whether an import reaches into a room, past what its `__init__` exports."""
    home = file_of(name)
    return home is not None and home not in ROOMS | {"ganforge", "ganforge.errors"}


def test_what_a_room_exports_is_there() -> None:
    for name in sorted(ROOMS - {"ganforge._io", "ganforge.cli"}):
        found = import_module(name)
        assert found.__all__, name
        for each in found.__all__:
            getattr(found, each)


def test_the_core_is_few_entries() -> None:
    entries = {path.name for path in CORE.iterdir()} - {"py.typed", "__pycache__"}
    assert len(entries) <= MOST_ENTRIES, sorted(entries)
