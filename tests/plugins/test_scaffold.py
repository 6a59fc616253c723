"""`ganforge plugins new`: the projects that it writes work as written, and nothing is written where it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from frameworks import need
from processes import as_installed
from tiers import few

from ganforge.cli import scaffold as scaffold_command
from ganforge.cli.main import cli
from ganforge.errors import PluginError
from ganforge.plugins import scaffold
from ganforge.plugins.host import default_host, new_host

KINDS = sorted(scaffold.KINDS)


def new(*arguments: str | Path, code: int = 0) -> Result:
    words = [str(argument) for argument in arguments]
    result = CliRunner().invoke(cli, ["plugins", "new", *words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_the_command_offers_every_kind() -> None:
    assert set(scaffold.KINDS) == set(scaffold_command.KINDS)
    for kind in KINDS:
        assert (Path(scaffold.__file__).parent / kind / "pyproject.toml.template").is_file()


@pytest.mark.parametrize("kind", few(KINDS, ["dataset"]))
def test_the_tests_of_a_new_project_pass_as_generated(kind: str, tmp_path: Path) -> None:
    if kind not in ("backend", "dataset"):
        need("autograd")
    project, site = tmp_path / "project", tmp_path / "site"
    site.mkdir()
    new(kind, "first-try", "--out", project)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", project]
    done = subprocess.run(
        [*command, project / "tests"],
        env=as_installed(project, site, "torch", "digits", "folder"),  # of the frameworks the quickest is enough
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_project_keeps_ganforges_style(kind: str, tmp_path: Path) -> None:
    need("ruff")
    project = tmp_path / "project"
    new(kind, "first-try", "--out", project)
    settings = ["--config", str(Path(__file__).parents[2] / "pyproject.toml"), "--no-cache"]
    for command in (["format", "--check"], ["check", "--extend-per-file-ignores", f"{project}/tests/*:D1"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *settings, project], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_to_fill_in(kind: str, tmp_path: Path) -> None:
    new(kind, "first-try", "--out", tmp_path / "project")
    files = [path for path in (tmp_path / "project").rglob("*") if path.is_file()]
    names = {str(path.relative_to(tmp_path / "project")) for path in files}
    assert {"README.md", "pyproject.toml"} < names
    assert sum("first_try" in name for name in names) >= 2  # the module and its test
    for path in files:
        assert "$" not in path.read_text()
        assert "MODULE" not in str(path)
        assert path.suffix in (".md", ".py", ".toml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dataset", "My Pics"], ["'My Pics' cannot be the name", "did you mean 'my-pics'?"]),
        (["dataset", "MyPics"], ["did you mean 'my-pics'?"]),
        (["loss", "ganforge-loss"], ["did you mean 'loss'?"]),
        (["loss", "3-way"], ["did you mean 'way'?"]),
        (["backend", "a" * 41], ["at most 40"]),
        (["backend", "../up"], ["did you mean 'up'?"]),
        (["backend", "日本"], ["cannot be the name of a backend"]),
        (["dataset", "digits"], ["the name 'digits' is taken, by plugin 'digits'; take another"]),
        (["layer", "batch-norm"], ["the name 'batch-norm' is taken, by plugin 'ganforge.plugins.builtin'"]),
        (["optimizer", "adam"], ["the name 'adam' is taken, by plugin 'ganforge.plugins.builtin'"]),
        (["layer", "batch_norm"], ["did you mean 'batch-norm'?"]),
        (["loss", "hinge"], ["the name 'hinge' is taken, by plugin 'ganforge.plugins.builtin'"]),
        (["architecture", "dcgan"], ["the name 'dcgan' is taken, by plugin 'ganforge.plugins.builtin'"]),
        (["recipe", "digits"], ["the name 'digits' is taken, by plugin"]),
        (["command", "train"], ["there is a command 'train' already; take another name"]),
        (["dataset", "torch"], ["module ganforge_torch is installed"]),
        (["dataset", "fine", "--out", "no/such"], ["no/such cannot be written"]),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(
    arguments: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = new(*arguments, code=1)
    for word in words:
        assert word in result.stderr, result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["hinge", "r1"])
def test_losses_and_penalties_share_their_names_and_none_is_thrown_out(name: str, tmp_path: Path) -> None:
    strict = new_host(strict=True)
    with pytest.raises(PluginError, match=f"^the name '{name}' is taken, by plugin 'ganforge.plugins.builtin'"):
        scaffold.write_project("loss", name, tmp_path / "mine", strict)
    scaffold.write_project("loss", "mine", tmp_path / "mine", strict)
    assert (strict.failures, strict.loaded) == ([], new_host(strict=True).loaded)


def test_a_folder_that_exists_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    new("loss", "mine")
    before = (tmp_path / "ganforge-loss-mine" / "README.md").read_bytes()
    assert "already exists" in new("loss", "mine", code=1).stderr
    assert (tmp_path / "ganforge-loss-mine" / "README.md").read_bytes() == before
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert "already exists" in new("loss", "other", "--out", "link", code=1).stderr


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write_text = Path.write_text

    def fail_at_the_third(path: Path, *arguments: object, **options: object) -> int:
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        return write_text(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", fail_at_the_third)
    with pytest.raises(PluginError, match="No space left"):
        scaffold.write_project("dataset", "mine", tmp_path / "mine", default_host())
    assert len(written) == 3
    assert list(tmp_path.iterdir()) == []
