"""docs/: every hook is documented under its own signature, the examples run, and what the pages name is there."""

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from fakes import set_host
from frameworks import need

import ganforge
from ganforge.plugins import hookspecs
from ganforge.plugins.host import Host, new_host

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])
HOOKS: dict[str, Callable[..., Any]] = {
    name: hook for name, hook in vars(hookspecs).items() if name.startswith("ganforge_")
}


def signature(hook: Callable[..., Any]) -> str:
    """A hook's signature as a reader would write it."""
    found = inspect.signature(hook)
    parameters = ", ".join(f"{each.name}: {text(each.annotation)}" for each in found.parameters.values())
    return f"{hook.__name__}({parameters}) -> {text(found.return_annotation)}"


def text(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    if annotation is None:
        return "None"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def sections() -> dict[str, str]:
    """Heading and text of each hook's section of docs/plugins.md."""
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    found = re.split(r"^#{2,3} (.*)$", page, flags=re.MULTILINE)[1:]
    return {heading.strip("`"): body for heading, body in zip(found[::2], found[1::2], strict=True) if "(" in heading}


def blocks(language: str, body: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", body, flags=re.MULTILINE | re.DOTALL)


def test_every_hook_has_its_signature_as_a_heading() -> None:
    assert sorted(sections()) == sorted(signature(hook) for hook in HOOKS.values())


@pytest.fixture
def examples(tmp_path: Path) -> dict[str, ModuleType]:
    """The example of each hook as a module, its TOML files beside it."""
    found = {}
    for heading, body in sections().items():
        name = heading.partition("(")[0]
        (code,) = blocks("python", body)
        for table in blocks("toml", body):
            (tmp_path / table.splitlines()[0].removeprefix("# ")).write_text(table, encoding="utf-8")
        path = tmp_path / f"{name}.py"
        path.write_text(code, encoding="utf-8")
        module = ModuleType(f"example_{name}")
        module.__file__ = str(path)
        exec(compile(code, path, "exec"), vars(module))
        found[name] = module
    return found


@pytest.fixture
def host(examples: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host with all examples, which raises at the first thing wrong with one."""
    made = new_host([], strict=True)
    for name, module in examples.items():
        made.add(f"example {name}", lambda module=module: module)
    set_host(monkeypatch, made)
    return made


def test_each_example_implements_the_hook_of_its_heading(host: Host) -> None:
    implemented = {each.name: each.hooks for each in host.loaded if each.name.startswith("example ")}
    assert implemented == {f"example {name}": (name,) for name in HOOKS}


@pytest.mark.parametrize("backend", ["still", "numpy"])
def test_the_examples_train_together(backend: str, host: Host, tmp_path: Path) -> None:
    if backend == "numpy":
        need("autograd")
    short = {"run": {"steps": 3, "log_every": 1}}
    run = ganforge.train("stripes", backend=backend, out=tmp_path / "run", overrides=short)

    assert run.recipe.training.loss.name == "soft-hinge"
    assert run.recipe.class_names == ("upright", "lying")
    assert (run.folder / "machine.txt").read_text().endswith("from step 0\n")
    assert (run.folder / "latest.txt").read_text() == "step-00000003"
    assert (run.folder / "outcome.txt").read_text().startswith("done after 3 steps")
    images = ganforge.load(run.folder, backend=backend).sample(4)
    assert images.shape == (4, 16, 16, 1)
    grey = bool((images == images[0, 0, 0]).all())
    assert grey == (backend == "still")

    cli = click.Group()
    host.extend("ganforge_commands", cli=cli)
    answer = CliRunner().invoke(cli, ["age", str(run.folder)], catch_exceptions=False)
    assert answer.output == "3 steps\n"


def test_the_stripes_are_as_labelled(examples: dict[str, ModuleType]) -> None:
    (entry,) = examples["ganforge_datasets"].ganforge_datasets()
    stripes = entry.open(None, None)
    for index in range(len(stripes)):
        image = stripes.read(index)[..., 0]
        upright = bool(np.all(image == image[0]))
        assert stripes.class_names[stripes.label(index)] == ("upright" if upright else "lying")


def test_an_event_stops_the_run(examples: dict[str, ModuleType]) -> None:
    finished = examples["ganforge_step_finished"].ganforge_step_finished
    finished(step=1, scalars=None)
    finished(step=2, scalars={"g_loss": 5.0})
    with pytest.raises(ganforge.GanforgeError, match="step 3"):
        finished(step=3, scalars={"g_loss": 1e7})


def test_events_of_a_plan_and_of_measures(examples: dict[str, ModuleType], tmp_path: Path) -> None:
    run = SimpleNamespace(folder=tmp_path, name="x")
    examples["ganforge_step_measured"].ganforge_step_measured(run, 20, {"kid": 0.5}, "random, 60 images")
    assert (tmp_path / "kid.csv").read_text() == "20,0.5,random, 60 images\n"
    planned = examples["ganforge_run_planned"]
    planned.ganforge_run_planned(run)
    planned.shutil = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=1))  # type: ignore[attr-defined]
    with pytest.raises(ganforge.GanforgeError, match="less than 100 MB"):
        planned.ganforge_run_planned(run)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if ":" not in link and not (page.parent / link).exists()]
    assert not missing


def test_the_index_lists_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", index))
    assert listed == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


def test_the_design_names_every_module_and_no_other() -> None:
    """So that a new module is given its place there, and a removed one leaves."""
    design = (DOCS / "design.md").read_text(encoding="utf-8")
    (tree,) = (block for block in blocks("text", design) if block.startswith("ganforge/"))
    core = ROOT / "ganforge"
    packages = {path.parent.name for path in core.glob("*/__init__.py")}
    listed: dict[str, set[str]] = {"": set()}
    package = ""
    for indent, name in re.findall(r"^(  |    )([a-z_]+(?:\.py|/)) ", tree, flags=re.MULTILINE):
        package = "" if len(indent) == 2 else package
        listed.setdefault(package, set()).add(name)
        package = name.removesuffix("/") if len(indent) == 2 else package
    assert listed[""] == {"errors.py", *(f"{package}/" for package in packages)}
    for package in sorted(packages - {"cli", "parity", "testing"}):
        modules = {path.name for path in (core / package).glob("[!_]*.py")}
        inner = {f"{path.parent.name}/" for path in (core / package).glob("*/__init__.py")}
        assert listed[package] == modules | inner, package


def test_the_layer_and_the_optimizer_keep_their_contracts(
    examples: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    need("autograd")
    need("torch")
    from ganforge.testing import check_layer, check_optimizer

    for example in examples.values():
        monkeypatch.setitem(sys.modules, example.__name__, example)  # as a module that was imported, for pickle
    (layer,) = examples["ganforge_layers"].ganforge_layers()
    check_layer(layer, inputs=[(2, 3, 2)], backends=["torch"])
    (optimizer,) = examples["ganforge_optimizers"].ganforge_optimizers()
    check_optimizer(optimizer, backends=["torch"])
