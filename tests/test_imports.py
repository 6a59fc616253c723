"""`import ganforge` costs nothing, and the core knows no framework: each in an interpreter of its own."""

import subprocess
import sys
from importlib import import_module

import pytest

import ganforge

HEAVY = ("torch", "tensorflow", "keras", "jax", "sklearn", "autograd", "pooch", "requests")

ALL_MODULES = f"""
import sys
from importlib import import_module
from pathlib import Path

import ganforge

root = Path(ganforge.__file__).parent
paths = [path.relative_to(root.parent).with_suffix("") for path in sorted(root.rglob("*.py"))]
own = [path.parts for path in paths if path.parts[1] not in ("testing", "__main__")]
names = [".".join(parts).removesuffix(".__init__") for parts in own]
assert len(names) > 30, names
for name in names:
    for known in [known for known in sys.modules if known.startswith("ganforge")]:
        del sys.modules[known]
    import_module(name)  # each first, so that a circle of imports shows
    heavy = set({HEAVY}) & set(sys.modules)
    assert not heavy, (name, heavy)
"""

ALL_ENTRIES = f"""
import sys
from ganforge.plugins import hookspecs, new_host

host = new_host()
hooks = [name for name in vars(hookspecs) if name.startswith("ganforge_")]
for hook in hooks[:8]:  # those that register entries
    assert host.entries(hook, object), hook
assert not host.failures, host.failures
assert {{"torch", "digits"}} <= {{each.name for each in host.loaded}}
assert not set({HEAVY}) & set(sys.modules), set({HEAVY}) & set(sys.modules)
"""


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_every_module_of_the_core_can_come_first_and_needs_no_framework() -> None:
    run(ALL_MODULES)


def test_asking_all_plugins_what_they_have_imports_no_framework() -> None:
    run(ALL_ENTRIES)


def test_import_ganforge_alone_imports_next_to_nothing() -> None:
    run("import sys, ganforge; assert not {'numpy', 'msgspec', 'pluggy', 'click', 'PIL'} & set(sys.modules)")


@pytest.mark.parametrize("name", ganforge.__all__)
def test_every_public_name_is_there(name: str) -> None:
    home = import_module(f"ganforge.{ganforge._HOMES[name]}")
    assert getattr(ganforge, name) is (home if ganforge._HOMES[name] == name else getattr(home, name))


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'ganforge' has no attribute 'trian'"):
        ganforge.trian  # noqa: B018


def test_public_names_and_their_homes_are_the_same() -> None:
    assert set(ganforge.__all__) == set(ganforge._HOMES)
