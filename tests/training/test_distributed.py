"""Workers as threads: whose rows are whose, what they agree on, who writes, and that none is left behind."""

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from fakes import FAKE_BACKEND, RECIPE_TEXT, core_host, fakes_plugin, module, recorder, tiny_gan, use_host
from hypothesis import given
from hypothesis import strategies as st

import ganforge
from ganforge.backend.contract import BackendEntry, DistributedSupport, Shard, Workers
from ganforge.errors import RunError
from ganforge.plugins.host import Host
from ganforge.spec.arrays import Array
from ganforge.spec.gan import Gan
from ganforge.spec.protocol import Player, TargetChoice
from ganforge.training.batches import Batches, check_batch_divides, draw_step
from ganforge.training.distributed import (
    SINGLE_PROCESS,
    anyone,
    check_same_facts,
    from_first,
    gather,
    wait_for_all,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (13, 2, 2, 1), dtype=np.uint8)
LABELS = np.arange(13) % 3


@dataclass
class Room:
    """Threads that meet to add up what each of them brings."""

    count: int
    brought: defaultdict[int, list[Array]] = field(default_factory=lambda: defaultdict(list))
    """By the number of the meeting."""
    changed: threading.Condition = field(default_factory=threading.Condition)
    ended: bool = False
    """Whether somebody has left by an exception."""

    def workers(self, rank: int) -> Workers:
        meetings = itertools.count()

        def total(values: Array) -> Array:
            with self.changed:
                brought = self.brought[next(meetings)]
                brought.append(values)
                self.changed.notify_all()
                self.changed.wait_for(lambda: len(brought) == self.count or self.ended, timeout=20)
                if len(brought) < self.count:
                    raise RunError("another worker has ended")
                return np.sum(brought, axis=0)

        return Workers(shard=Shard(rank=rank, count=self.count), total=total)

    def all_do(self, work: Callable[[Workers], Any]) -> list[Any]:
        """What `work` gives in each, or the exception that ended it, which ends the others too."""

        def one(rank: int) -> Any:
            try:
                return work(self.workers(rank))
            except BaseException as error:
                with self.changed:
                    self.ended = True
                    self.changed.notify_all()
                return error

        with ThreadPoolExecutor(self.count) as pool:
            return list(pool.map(one, range(self.count)))


# Shares --------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 8), st.integers(1, 8))
def test_every_row_is_one_workers(count: int, size: int) -> None:
    rows = [Shard(rank=rank, count=count).rows(count * size) for rank in range(count)]
    batch = np.arange(count * size)
    assert np.concatenate([batch[each] for each in rows]).tolist() == batch.tolist()
    assert {len(batch[each]) for each in rows} == {size}


@pytest.mark.parametrize("latents", ["fresh", "shared"])
def test_shares_put_together_are_the_batch(latents: str) -> None:
    """Whatever has rows; keys and scales are the same for all."""
    gan = tiny_gan(
        latents=latents,
        discriminator=Player(updates=2),
        generator=Player(updates=2),
        targets=TargetChoice(noise=0.1, flip=0.3),
    )
    whole = draw_step(Batches(gan=gan, images=IMAGES, labels=LABELS, seed=1), 3)
    parts = [
        draw_step(Batches(gan=gan, images=IMAGES, labels=LABELS, seed=1, shard=Shard(rank=rank, count=2)), 3)
        for rank in range(2)
    ]
    for network in ("discriminator", "generator"):
        for number, expected in enumerate(getattr(whole, network)):
            pieces = [vars(getattr(part, network)[number]) for part in parts]
            for name, value in vars(expected).items():
                together = (
                    np.concatenate([each[name] for each in pieces])
                    if isinstance(value, np.ndarray)
                    else pieces[1][name]
                )
                assert np.array_equal(together, value), name
    assert parts[0].average == whole.average


def normed(batch_size: int, statistics: str) -> Gan:
    return tiny_gan(batch_size=batch_size, batch_statistics=statistics)  # its batch norm sees one value a row


@pytest.mark.parametrize(("batch", "count", "words"), [(50, 3, "48 or 51"), (2, 3, "3,"), (5, 2, "4 or 6")])
def test_uneven_shares_are_refused(batch: int, count: int, words: str) -> None:
    with pytest.raises(
        RunError, match=f"{count} workers cannot share a batch of {batch} evenly; .*--batch-size {words}"
    ):
        check_batch_divides(normed(batch, "global"), Shard(rank=0, count=count))


def test_a_batch_norm_of_one_value_is_refused() -> None:
    check_batch_divides(normed(4, "global"), Shard(rank=0, count=4))
    check_batch_divides(normed(4, "worker"), Shard(rank=0, count=2))
    with pytest.raises(RunError, match=r"generator layer 01_batch_norm: batch norm over the one value.*1 rows"):
        check_batch_divides(normed(4, "worker"), Shard(rank=0, count=4))


# Agreement -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asking", [None, 0, 2])
def test_anyone(asking: int | None) -> None:
    answers = Room(3).all_do(lambda workers: anyone(workers, workers.shard.rank == asking))
    assert answers == [asking is not None] * 3


@pytest.mark.parametrize("text", ["", "runs/00003-digits-torch", "Prüfung/日本"])
def test_what_the_first_makes_all_have(text: str) -> None:
    made: list[int] = []

    def work(workers: Workers) -> str:
        return from_first(workers, lambda: made.append(workers.shard.rank) or text)

    assert Room(3).all_do(work) == [text] * 3
    assert made == [0]


def test_alone_there_is_nobody_to_wait_for() -> None:
    wait_for_all(SINGLE_PROCESS)
    check_same_facts(SINGLE_PROCESS, {"recipe": "x"})
    assert (anyone(SINGLE_PROCESS, True), anyone(SINGLE_PROCESS, False), from_first(SINGLE_PROCESS, lambda: "x")) == (
        True,
        False,
        "x",
    )


def test_workers_that_would_train_something_else_are_refused() -> None:
    same = Room(3).all_do(lambda workers: check_same_facts(workers, {"recipe": "x", "set of images": "y"}))
    assert same == [None] * 3
    answers = Room(3).all_do(
        lambda workers: check_same_facts(workers, {"recipe": "x", "set of images": "yyz"[workers.shard.rank]})
    )
    assert [str(each) for each in answers] == [str(answers[0])] * 3
    assert "worker 2 of 3 has another set of images than worker 0" in str(answers[0])


# Joining -------------------------------------------------------------------------------------------------------------


def backend(name: str, started: int, join: Callable[[], Workers] = lambda: SINGLE_PROCESS) -> ModuleType:
    together = DistributedSupport(started=lambda: started, join=join, open=FAKE_BACKEND.open)
    entry = replace(FAKE_BACKEND, name=name, distributed=together)
    return module(f"{name}_plugin", ganforge_backends=lambda: (entry,))


def found(name: str, host: Host) -> BackendEntry:
    return host.find("ganforge_backends", BackendEntry, name, "backend")


def test_who_is_started_alone_joins_nobody() -> None:
    host, _ = core_host(fakes_plugin(), backend("one", 1, join=lambda: pytest.fail("joined")))
    assert gather(found("one", host), host) is SINGLE_PROCESS
    assert gather(found("fake", host), host) is SINGLE_PROCESS


def test_who_is_started_as_one_of_several_joins_them() -> None:
    room = Room(2)
    host, _ = core_host(backend("one", 2, join=lambda: room.workers(1)))
    assert gather(found("one", host), host).shard == Shard(rank=1, count=2)


def test_workers_of_another_backend_are_refused() -> None:
    """Or else each would train the whole, and all would write the same files."""
    host, _ = core_host(fakes_plugin(), backend("one", 1), backend("two", 2))
    for chosen in ("fake", "one"):
        with pytest.raises(RunError, match=rf"one of 2 workers of backend 'two'.*with '{chosen}'; take --backend two"):
            gather(found(chosen, host), host)


# Runs ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A folder with the recipe r.toml; each thread that trains there on the backend `many` is one of two workers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.toml").write_text(RECIPE_TEXT)
    yield Room(2)


def train_in(room: Room, monkeypatch: pytest.MonkeyPatch, *plugins: ModuleType, **options: Any) -> list[Any]:
    own = threading.local()
    use_host(monkeypatch, backend("many", 2, join=lambda: own.workers), *plugins)

    def work(workers: Workers) -> Any:
        own.workers = workers
        return ganforge.train("r.toml", backend="many", **options)

    return room.all_do(work)


def test_one_tells_and_writes_all_train(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[tuple[str, Any]] = []
    first, second = train_in(room, monkeypatch, recorder(log))
    assert (first.step, second.step) == (10, 10)
    assert first.folder == second.folder == Path("runs/00000-r-many")
    assert [kind for kind, _ in log].count("started") == [kind for kind, _ in log].count("finished") == 1
    assert [what for kind, what in log if kind == "saved"] == ["step-00000004", "step-00000008", "step-00000010"]
    assert len([kind for kind, _ in log if kind == "step"]) == 10
    fed = [len(run.model.session.fed[0].discriminator[0].images) for run in (first, second)]
    assert fed == [2, 2]


def test_one_is_asked_to_stop_and_all_do(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[tuple[str, Any]] = []

    def asked(events: Any) -> bool:
        run = events.run
        return anyone(run.workers, run.workers.shard.rank == 1 and run.step == 4)

    monkeypatch.setattr("ganforge.training.run_events.RunEvents.stop_asked", asked)
    answers = train_in(room, monkeypatch, recorder(saved), out="out")
    assert [each.interrupted for each in answers] == [True, True]
    assert [what for kind, what in saved if kind == "saved"] == ["step-00000004", "step-00000005"]


def test_an_error_of_the_first_ends_the_others(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(run: Any, path: Path) -> None:
        raise RunError("the disk is full")

    first, second = train_in(room, monkeypatch, module("full", ganforge_checkpoint_saved=full), out="out")
    assert (str(first), str(second)) == ("the disk is full", "another worker has ended")


def test_nobody_ends_while_the_first_still_writes(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A launcher that sees one end with a code ends the others."""
    order: list[str] = []

    def finishing(error: Any) -> None:
        threading.Event().wait(0.3)
        order.append("written")

    own = threading.local()
    use_host(monkeypatch, backend("many", 2, join=lambda: own.workers), module("slow", ganforge_run_finished=finishing))

    def work(workers: Workers) -> None:
        own.workers = workers
        ganforge.train("r.toml", backend="many", out="out")
        order.append(f"ended {workers.shard.rank}")

    assert room.all_do(work) == [None, None]
    assert order[0] == "written"


def test_a_batch_that_cannot_be_shared_leaves_no_folder(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = train_in(room, monkeypatch, overrides={"training": {"batch_size": 5}})
    assert all("2 workers cannot share a batch of 5 evenly" in str(each) for each in answers)
    assert not Path("runs").exists()
