"""The short form: a thousand documents a reader, the same in every run; and what was once found."""

from pathlib import Path
from random import Random

import pytest

from ganforge.errors import GanforgeError

from .judge import SECONDS, outcome
from .mutation import change_of, havoc
from .readers import TARGETS
from .target import Target

INPUTS = (60, pytest.param(600, marks=pytest.mark.fuzz))
CORPUS = sorted(path for path in (Path(__file__).parent / "corpus").glob("*/*"))


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
@pytest.mark.parametrize("inputs", INPUTS)
def test_only_our_errors_come_out(target: Target, inputs: int, tmp_path: Path) -> None:
    seeds = target.seeds()
    for number in range(inputs):
        random = Random(f"{target.name} {number}")
        change = change_of(target, random, lambda document, random=random: havoc(document, random, target.words))
        document = change(random.choice(seeds))
        found = outcome(target, document, tmp_path)
        assert found is None, f"document {number}, {document[:200]!r}: {found.place}\n{found.text}"


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_the_documents_to_begin_with_are_good(target: Target, tmp_path: Path) -> None:
    """Otherwise only the first lines of the reader would be fuzzed."""
    taken = 0
    for number, document in enumerate(target.seeds()):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            target.read(document, folder)
            taken += 1
        except GanforgeError:
            pass
    assert taken > 0


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_once_found(path: Path, tmp_path: Path) -> None:
    found = outcome(TARGETS[path.parent.name], path.read_bytes(), tmp_path)
    assert found is None, f"{found.place}\n{found.text}"


def _raising(document: bytes, folder: Path) -> None:
    (folder / "left").write_bytes(document)
    raise ValueError("no")


def _silent(document: bytes, folder: Path) -> None:
    raise GanforgeError(document.decode() * 10_000)


def test_the_judge_is_awake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def judged(read: object) -> str:
        found = outcome(Target(name="it", seeds=list, read=read), b"x", tmp_path)  # type: ignore[arg-type]
        assert not list(tmp_path.iterdir())
        return found.place if found else ""

    assert judged(_raising) == "ValueError at fuzz/test_fuzz.py _raising"
    assert judged(_silent) == ""  # a message of any length is cut
    monkeypatch.setattr(f"{outcome.__module__}.SECONDS", 0.01)
    assert SECONDS > 1
    assert judged(lambda document, folder: sum(range(2_000_000))) == "too slow"
