"""Checkpoints: every kind of damage is told as damage, and a write that fails leaves the last good one."""

import errno
import json
import os
import shutil
import struct
import tracemalloc
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from ganforge.errors import RunError
from ganforge.spec.arrays import State
from ganforge.training import checkpoint
from ganforge.training.checkpoint import ABOUT, STATE, About, LaterFormat, checkpoints, load, prune, save, set_aside

ARRAYS: State = {
    "generator/00_dense/kernel": np.random.default_rng(0).normal(size=(3, 4)),
    "discriminator/00_conv/kernel": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
    "optimizer/generator/m/00_dense/kernel": np.zeros((0, 2)),
}


def about(step: int = 12) -> About:
    return About(
        format=checkpoint.FORMAT,
        step=step,
        recipe={"name": "x", "training": {"batch_size": 4}, "rate": 2e-4},
        data="abc",
        seconds=1.25,
        sha256="",
        scalars={"d_loss": 1.5, "d_penalty": 0.1},
    )


def rewritten(path: Path, content: bytes | None = None, **changes: Any) -> Path:
    """A checkpoint that somebody made by hand: with other values, and the checksum that belongs to them."""
    content = (path / STATE).read_bytes() if content is None else content
    changed = json.loads((path / ABOUT).read_bytes()) | changes | {"sha256": ""}
    changed["sha256"] = sha256(content + json.dumps(changed, separators=(",", ":")).encode()).hexdigest()
    (path / STATE).write_bytes(content)
    (path / ABOUT).write_text(json.dumps(changed))
    return path


def safetensors_file(header: Any, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_round_trip_bit_for_bit(tmp_path: Path) -> None:
    path = save(tmp_path / "checkpoints", ARRAYS, about())
    assert path == tmp_path / "checkpoints" / "step-00000012"
    assert names(path) == [ABOUT, STATE]
    found, state = load(path)
    assert msgspec.structs.replace(found, sha256="") == about()
    assert list(state) == sorted(ARRAYS)  # always in the same order
    for name, array in ARRAYS.items():
        assert (state[name].dtype, state[name].shape) == (array.dtype, array.shape)
        assert state[name].tobytes() == array.tobytes()


def test_arrays_that_are_not_contiguous(tmp_path: Path) -> None:
    turned = np.arange(12.0).reshape(3, 4).T
    assert (load(save(tmp_path, {"x": turned}, about()))[1]["x"] == turned).all()


def test_the_file_is_one_that_safetensors_reads(tmp_path: Path) -> None:
    """It is written here, array by array, but others read it."""
    with safe_open(save(tmp_path, ARRAYS, about()) / STATE, framework="numpy") as file:
        assert {name: file.get_tensor(name).tobytes() for name in file.keys()} == {
            name: array.tobytes() for name, array in ARRAYS.items()
        }


def test_a_checkpoint_rewritten_with_its_checksum_is_taken(tmp_path: Path) -> None:
    """So that the tests below, which rewrite one with a fault, test the fault."""
    path = rewritten(save(tmp_path, ARRAYS, about()), step=13)
    assert load(path)[0].step == 13
    assert load(rewritten(path, safetensors_file({"a": PROMISE | {"shape": [2], "data_offsets": [0, 8]}}, b"12345678")))


def test_about_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    text = (save(tmp_path, ARRAYS, about()) / ABOUT).read_text()
    assert json.loads(text)["recipe"] == about().recipe
    assert len(text.splitlines()) > 8


# Damage --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("good"), ARRAYS, about())


@pytest.mark.parametrize("name", [ABOUT, STATE])
def test_a_flipped_bit_in_any_byte_is_found(name: str, good: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(good, tmp_path / "step-00000012"))
    content = (path / name).read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        (path / name).write_bytes(damaged)
        with pytest.raises(RunError, match=r"step-00000012 (is damaged|has format)"):
            load(path)


@pytest.mark.parametrize("name", [ABOUT, STATE])
def test_every_truncation_is_found(name: str, good: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(good, tmp_path / "step-00000012"))
    content = (path / name).read_bytes()
    for length in range(len(content)):
        (path / name).write_bytes(content[:length])
        with pytest.raises(RunError, match="is damaged"):
            load(path)


@pytest.mark.parametrize("name", [ABOUT, STATE])
@given(noise=st.binary(max_size=60))
def test_any_other_content_is_found(name: str, noise: bytes, good: Path) -> None:
    path = good.with_name("step-00000099")
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(good, path)
    (path / name).write_bytes(noise)
    with pytest.raises(RunError):
        load(path)


@pytest.mark.parametrize("text", ["[]", "{}", "null", "[" * 100_000, '{"format": "one"}', '{"format": 1}', "\xff"])
def test_run_json_that_is_something_else(text: str, good: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(good, tmp_path / "step-00000012"))
    (path / ABOUT).write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"is damaged: run.json"):
        load(path)


@pytest.mark.parametrize("name", [ABOUT, STATE])
def test_a_missing_file_is_named(name: str, good: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(good, tmp_path / "step-00000012"))
    (path / name).unlink()
    with pytest.raises(RunError, match=f"{name}: No such file"):
        load(path)


def test_a_state_of_another_checkpoint(tmp_path: Path) -> None:
    one = save(tmp_path, ARRAYS, about(1))
    other = save(tmp_path, {"x": np.zeros(3)}, about(2))
    shutil.copy(other / STATE, one / STATE)
    with pytest.raises(RunError, match="checksum"):
        load(one)


@pytest.mark.parametrize("rest", [{}, {"step": "of another kind"}])
def test_a_later_format_says_so_whatever_else_it_has(rest: dict[str, Any], good: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(good, tmp_path / "step-00000012"))
    (path / ABOUT).write_text(json.dumps({"format": 3} | rest))
    with pytest.raises(LaterFormat, match="has format 3, this ganforge reads up to 2; update ganforge, or move"):
        load(path)


@pytest.mark.parametrize("number", [0, -1, -(2**70)])
def test_a_format_that_never_was(number: int, good: Path, tmp_path: Path) -> None:
    """Though its checksum is right."""
    path = rewritten(Path(shutil.copytree(good, tmp_path / "step-00000012")), format=number)
    with pytest.raises(RunError, match=rf"is damaged: run.json: .*({number}|range)"):
        load(path)


PROMISE = {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}


@pytest.mark.parametrize(
    "content",
    [
        safetensors_file({"a": PROMISE}),
        safetensors_file({"a": PROMISE | {"data_offsets": [0, 0]}}),
        safetensors_file({"a": PROMISE | {"shape": [2**40, 2**40]}}),
        safetensors_file({"a": PROMISE | {"shape": [0, 2**63], "data_offsets": [0, 0]}}),
        safetensors_file({"a": PROMISE | {"shape": [0] * 100, "data_offsets": [0, 0]}}),
        safetensors_file({"a": PROMISE | {"shape": [-1], "data_offsets": [0, 0]}}),
        safetensors_file({"a": PROMISE | {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, b"12"),
        safetensors_file({"a": PROMISE | {"dtype": "object", "shape": [1], "data_offsets": [0, 2]}}, b"12"),
        safetensors_file({"a": "[" * 10_000}),
        struct.pack("<Q", 2**63) + b"{}",
        b"",
    ],
    ids=lambda content: content[8:60].decode(),
)
def test_a_header_is_not_believed_though_the_checksum_is_right(content: bytes, good: Path, tmp_path: Path) -> None:
    path = rewritten(Path(shutil.copytree(good, tmp_path / "step-00000012")), content)
    tracemalloc.start()
    try:
        with pytest.raises(RunError, match=r"is damaged: state\.safetensors: "):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


# Keeping -------------------------------------------------------------------------------------------------------------


def saved(folder: Path, *steps: int, keep: int, keep_every: int | None = None) -> list[int]:
    for step in steps:
        save(folder, ARRAYS, about(step))
        prune(folder, keep=keep, keep_every=keep_every)
    return [int(path.name[5:]) for path in checkpoints(folder)]


@pytest.mark.parametrize(("keep", "left"), [(1, [50]), (2, [40, 50]), (9, [10, 20, 30, 40, 50])])
def test_the_newest_are_kept(keep: int, left: list[int], tmp_path: Path) -> None:
    assert saved(tmp_path, 10, 20, 30, 40, 50, keep=keep) == left


@pytest.mark.parametrize(
    ("keep", "every", "left"),
    [(1, 20, [20, 40, 50]), (2, 30, [30, 40, 50]), (1, 7, [50]), (9, 20, [10, 20, 30, 40, 50])],
)
def test_some_are_kept_for_good(keep: int, every: int, left: list[int], tmp_path: Path) -> None:
    assert saved(tmp_path, 10, 20, 30, 40, 50, keep=keep, keep_every=every) == left


def test_the_best_is_never_removed(tmp_path: Path) -> None:
    saved(tmp_path, 10, 20, 30, keep=9)
    prune(tmp_path, keep=1, best=20)
    assert names(tmp_path) == ["step-00000020", "step-00000030"]
    prune(tmp_path, keep=1, best=7)
    assert names(tmp_path) == ["step-00000030"]


def test_newest_is_by_number(tmp_path: Path) -> None:
    assert saved(tmp_path, 99_999_999, 100_000_000, keep=9) == [99_999_999, 100_000_000]
    assert saved(tmp_path, 100_000_001, keep=2) == [100_000_000, 100_000_001]


@pytest.mark.parametrize("times", [1, 2])
def test_damaged_later_ones_do_not_push_out_good_ones(times: int, tmp_path: Path) -> None:
    """A run resumed from 10, since 30 was damaged: at 40 it must not be left with 30 and 40."""
    for _ in range(times):
        saved(tmp_path, 10, 30, keep=9)
        (tmp_path / "step-00000030" / STATE).write_bytes(b"")
        set_aside(tmp_path, 10)
        assert saved(tmp_path, 40, keep=2) == [10, 40]
        (tmp_path / "step-00000040" / STATE).write_bytes(b"")
        set_aside(tmp_path, 10)
        assert names(tmp_path) == ["step-00000010", "step-00000030.damaged", "step-00000040.damaged"]
        shutil.rmtree(tmp_path / "step-00000010")


def test_what_is_no_checkpoint_is_left_alone(tmp_path: Path) -> None:
    """A copy that somebody keeps beside them is neither counted nor removed."""
    (tmp_path / "step-00000005-best").mkdir(parents=True)
    (tmp_path / "step-x").mkdir()
    (tmp_path / "step-00000007").write_text("a file")
    assert saved(tmp_path, 10, 20, keep=1) == [20]
    assert names(tmp_path) == ["step-00000005-best", "step-00000007", "step-00000020", "step-x"]


def test_no_folder_no_checkpoints(tmp_path: Path) -> None:
    assert checkpoints(tmp_path / "none") == []


def test_what_a_killed_process_left_is_swept_up(tmp_path: Path) -> None:
    left = tmp_path / ".step-00000010.partial"
    left.mkdir()
    (left / STATE).write_bytes(b"half")
    assert checkpoints(tmp_path) == []
    saved(tmp_path, 20, keep=3)
    assert names(tmp_path) == ["step-00000020"]


# Failing writes ------------------------------------------------------------------------------------------------------


def failing(after: int, real: Any) -> Any:
    """`real`, until it has been called `after` times; then the disk is full."""
    calls = iter(range(10**6))

    def function(*args: Any, **kwargs: Any) -> Any:
        if next(calls) >= after:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **kwargs)

    return function


@pytest.mark.parametrize(
    ("broken", "real", "after"),
    [
        *(("os.fsync", os.fsync, after) for after in (0, 1, 2)),
        ("pathlib.Path.rename", Path.rename, 0),
        *(("pathlib.Path.open", Path.open, after) for after in (0, 1)),
        ("pathlib.Path.mkdir", Path.mkdir, 0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_write_that_fails_leaves_the_old_ones(
    broken: str, real: Any, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = save(tmp_path, ARRAYS, about(10))
    with monkeypatch.context() as patch:
        patch.setattr(broken, failing(after, real))
        with pytest.raises(RunError, match=r"step-00000020 cannot be written: No space left on device; what was saved"):
            save(tmp_path, ARRAYS, about(20))
    assert names(tmp_path) == [old.name]
    assert load(old)[0].step == 10


class Killed(BaseException):
    """A process that ends here and now."""


@pytest.mark.parametrize("broken", ["os.fsync", "pathlib.Path.rename", "ganforge.training.checkpoint.flush"])
def test_a_process_killed_while_it_writes(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = save(tmp_path, ARRAYS, about(10))

    def die(*args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(broken, die)
        with pytest.raises(Killed):
            save(tmp_path, ARRAYS, about(20))
    assert checkpoints(tmp_path) == [old]
    assert load(old)[0].step == 10
    assert saved(tmp_path, 20, keep=1) == [20]
    assert names(tmp_path) == ["step-00000020"]


def test_both_files_are_flushed_before_the_folder_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, rename, flush = os.fsync, Path.rename, checkpoint.flush
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(Path, "rename", lambda self, to: (done.append("rename"), rename(self, to))[1])
    monkeypatch.setattr(checkpoint, "flush", lambda path: (done.append("folder"), flush(path))[1])
    save(tmp_path, ARRAYS, about())
    assert done == ["fsync", "fsync", "folder", "fsync", "rename", "folder", "fsync"]
