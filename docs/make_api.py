"""Writes docs/api.md, the reference of the Python face, from the docstrings: python docs/make_api.py."""

import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ganforge
from ganforge import generation

PAGE = Path(__file__).with_name("api.md")
HEAD = """# API reference

Generated from the docstrings by `docs/make_api.py`. [python.md](python.md) is the guide.
"""
FUNCTIONS = ("train", "resume", "load", "build", "load_recipe", "evaluate", "register")
CLASSES = ("Run", "Model", "Recipe", "GanforgeError")
MEMBERS = {
    "Run": ("history", "samples", "sample", "folder", "recipe", "model", "data", "step", "stop", "interrupted"),
    "Model": (
        "sample",
        "draw",
        "generator",
        "discriminator",
        "load_native",
        "save",
        "recipe",
        "gan",
        "step",
        "history",
    ),
}


def page() -> str:
    """The whole page."""
    parts = [HEAD, f"## ganforge\n\n```python\n{_example()}\n```\n"]
    parts += [_entry(f"ganforge.{name}", getattr(ganforge, name)) for name in FUNCTIONS]
    for name in CLASSES:
        kind = getattr(ganforge, name)
        parts.append(f"### ganforge.{name}\n\n{_prose(kind.__doc__ or '')}\n")
        parts += [_member(kind, member) for member in MEMBERS.get(name, ())]
    parts.append(f"## ganforge.generation\n\n{_prose(generation.__doc__ or '')}\n")
    parts += [_entry(f"ganforge.generation.{name}", getattr(generation, name)) for name in _own(generation)]
    return "\n".join(parts)


def _example() -> str:
    """The lines of code in the package's docstring."""
    lines = [line for line in (ganforge.__doc__ or "").splitlines() if line.startswith("    ")]
    return inspect.cleandoc("\n".join(lines))


def _own(room: Any) -> Iterable[str]:
    return (name for name in sorted(room.__all__) if name not in ganforge.__all__)


def _entry(name: str, thing: Any) -> str:
    signature = str(inspect.signature(thing)) if inspect.isfunction(thing) else ""
    return f"### {name}\n\n{_code(name.rpartition('.')[2], signature)}{_prose(thing.__doc__ or '')}\n"


def _member(kind: type, name: str) -> str:
    """A method, a property, or a field, whose text stands below it in the class."""
    member = inspect.getattr_static(kind, name, None)
    if inspect.isfunction(member):
        code = _code(name, str(inspect.signature(member)))
        return f"#### {kind.__name__}.{name}\n\n{code}{_prose(member.__doc__ or '')}\n"
    if isinstance(member, property):
        return f"#### {kind.__name__}.{name}\n\n{_prose(member.__doc__ or '')}\n"
    found = re.search(rf'^    {name}: [^\n]*\n    """(.*?)"""', inspect.getsource(kind), re.MULTILINE | re.DOTALL)
    return f"#### {kind.__name__}.{name}\n\n{_prose(found[1]) if found else ''}\n"


def _code(name: str, signature: str) -> str:
    """A signature, an argument a line where it is long, without the modules of its types."""
    if not signature:
        return ""
    plain = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])|'", "", signature)
    if len(plain) > 100:
        inner, _, answer = plain[1:].rpartition(") -> ")
        arguments = re.split(r", (?=[*a-z_]+(?::|$|,))", inner)
        plain = "(\n" + "".join(f"    {argument},\n" for argument in arguments) + f") -> {answer}"
    return f"```text\n{name}{plain}\n```\n\n"


def _prose(docstring: str) -> str:
    """A docstring as Markdown: `Args:` and `Raises:` become lists."""
    lines, listing = [], False
    for line in inspect.cleandoc(docstring).splitlines():
        if re.fullmatch(r"(Args|Raises|Returns):", line):
            lines += [f"**{line[:-1]}**", ""]
            listing = True
        elif listing and (item := re.match(r"    ([\w, ]+): (.*)", line)):
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif listing and line and not line.startswith(" "):
            lines.append(line)
            listing = False
        else:
            lines.append(f"  {line.strip()}" if listing and line else line)
    return "\n".join(lines).strip().replace("\n\n\n", "\n\n")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
