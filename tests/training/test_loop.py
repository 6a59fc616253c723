"""The loop against a session that shows what it was fed: order, schedule, stopping, divergence, going on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from fakes import FakeSession, fed_from, states_equal, tiny_gan
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import Told, schedule
from msgspec.structs import replace as changed

from ganforge.errors import RunError
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan
from ganforge.spec.protocol import Average, Player, TargetChoice
from ganforge.training.batches import Batches, draw_step
from ganforge.training.loop import train_steps

IMAGES = np.random.default_rng(0).integers(0, 256, (13, 2, 2, 1), dtype=np.uint8)


def opened(gan: Gan, state: State | None = None, **options: Any) -> FakeSession:
    return FakeSession(gan, dict(gan.initial_state(0) if state is None else state), **options)


def test_discriminator_first_and_as_often_as_said() -> None:
    gan = tiny_gan(discriminator=Player(updates=3), generator=Player(updates=2))
    session = opened(gan)
    train_steps(session, fed_from(gan, IMAGES), schedule(2), Told())
    assert session.calls == (["discriminator"] * 3 + ["generator"] * 2) * 2


def test_every_step_is_fed_its_own_number() -> None:
    gan = tiny_gan()
    session = opened(gan)
    assert train_steps(session, fed_from(gan, IMAGES, seed=7), schedule(5, start=2), Told()) == 5
    expected = [draw_step(Batches(gan=gan, images=IMAGES, labels=None, seed=7), number) for number in (2, 3, 4)]
    assert repr(session.fed) == repr(expected)


def test_what_is_due_when() -> None:
    told = Told()
    train_steps(opened(tiny_gan()), fed_from(tiny_gan(), IMAGES), schedule(11), told)
    assert [each[1] for each in told.log if each[0] == "step"] == list(range(1, 12))
    assert told.logged() == [3, 6, 9, 11]  # and the last one
    assert told.saved() == [4, 8, 11]


def test_a_step_is_told_before_it_is_saved() -> None:
    told = Told()
    train_steps(opened(tiny_gan()), fed_from(tiny_gan(), IMAGES), schedule(4), told)
    assert told.log[-2:] == [("step", 4, True), ("save", 4)]


def test_the_schedule_counts_from_the_first_step_of_all() -> None:
    told = Told()
    train_steps(opened(tiny_gan()), fed_from(tiny_gan(), IMAGES), schedule(9, start=5), told)
    assert (told.logged(), told.saved()) == ([6, 9], [8, 9])


@pytest.mark.parametrize("start", [5, 6])
def test_nothing_to_do(start: int) -> None:
    told, session = Told(), opened(tiny_gan())
    assert train_steps(session, fed_from(tiny_gan(), IMAGES), schedule(5, start=start), told) == start
    assert (told.log, session.calls) == ([], [])


def test_asked_to_stop_it_saves_and_stops_after_the_step() -> None:
    told, session = Told(stop_after=2), opened(tiny_gan())
    assert train_steps(session, fed_from(tiny_gan(), IMAGES), schedule(100), told) == 2
    assert told.log == [("step", 1, False), ("step", 2, False), ("save", 2)]
    assert len(session.calls) == 4


@dataclass
class Lazy(FakeSession):
    """Its loss of step k is k; `read` remembers of which step which was read after how many."""

    read: list[tuple[int, int]] = field(default_factory=list)

    def step(self, inputs: Any) -> Any:
        super().step(inputs)
        return {"d_loss": Waiting(self, len(self.fed))}


@dataclass
class Waiting:
    session: Lazy
    step: int

    def __float__(self) -> float:
        self.session.read.append((len(self.session.fed), self.step))
        return float(self.step)


def lazily(steps: int, pictures: int, told: Told) -> list[tuple[int, int]]:
    """What was read when in a run of as many steps, of batches of four."""
    gan = tiny_gan()
    session = Lazy(gan, dict(gan.initial_state(0)))
    images = np.zeros((pictures, 2, 2, 1), np.uint8)
    train_steps(session, fed_from(gan, images), schedule(steps, log=500, checkpoint=300), told)
    return session.read


def test_reading_a_scalar_seldom_waits_for_the_device() -> None:
    """A step just done is read where it is logged or saved, or ends an epoch; others when there are many of them."""
    told = Told()
    read = lazily(700, pictures=4 * 290, told=told)
    assert [done for done, step in read if done == step] == [290, 300, 500, 580, 600, 700]
    behind = [done - step for done, step in read if done not in (290, 580)]
    assert all(each == 0 or 32 <= each < 64 for each in behind)
    assert max(done - step for done, step in read) < 64  # none is kept for long
    assert told.epochs() == [
        (1, {"d_loss": np.mean(range(1, 291))}, 290),
        (2, {"d_loss": np.mean(range(291, 581))}, 290),
    ]


def test_each_scalar_is_read_once_and_the_rest_of_an_epoch_with_its_end() -> None:
    read = lazily(80, pictures=4 * 8, told=Told())
    assert sorted(step for _, step in read) == list(range(1, 81))
    assert {done for done, _ in read} == set(range(8, 81, 8))


# Epochs --------------------------------------------------------------------------------------------------------------


class Rough(FakeSession):
    """Losses that differ from step to step, by what it is fed."""

    def step(self, inputs: Any) -> Any:
        super().step(inputs)
        return {"d_loss": np.float32(inputs.discriminator[-1].key % 97 / 3), "g_loss": inputs.generator[0].key % 89}


def every_step(gan: Gan, images: np.ndarray, steps: range) -> list[tuple[float, float]]:
    """The losses of each step, from a loop of its own."""
    session = Rough(gan, dict(gan.initial_state(0)))
    found = [session.step(draw_step(Batches(gan=gan, images=images, labels=None, seed=0), step)) for step in steps]
    return [(float(each["d_loss"]), float(each["g_loss"])) for each in found]


@settings(max_examples=40)
@given(
    st.integers(4, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, 4))),
    st.integers(0, 20),
    st.integers(1, 100),
    st.integers(1, 150),
)
def test_means_are_of_every_step_of_an_epoch(size: tuple[int, int], start: int, more: int, log: int) -> None:
    """However many updates, wherever the loop begins, logged or not."""
    pictures, updates = size
    images = np.zeros((pictures, 2, 2, 1), np.uint8)
    gan = tiny_gan(discriminator=Player(updates=updates))
    told, stop = Told(), start + more
    train_steps(Rough(gan, dict(gan.initial_state(0))), fed_from(gan, images), schedule(stop, start, log, 40), told)
    losses = every_step(gan, images, range(start, stop))

    expected, first = [], start
    for done in range(start + 1, stop + 1):
        whole = done * updates // (pictures // 4)
        if whole > (done - 1) * updates // (pictures // 4):
            own = np.array(losses[first - start : done - start])
            expected.append((whole, *own.mean(axis=0), done - first))
            first = done
    found = [(epoch, means["d_loss"], means["g_loss"], steps) for epoch, means, steps in told.epochs()]
    assert found == [pytest.approx(each, rel=1e-12) for each in expected]


class WithLazyPenalty(FakeSession):
    """A penalty in the first step and every third from there on; `first` steps were done before."""

    def __init__(self, gan: Gan, state: State, first: int = 0) -> None:
        super().__init__(gan, state)
        self.first = first

    def step(self, inputs: Any) -> Any:
        step = self.first + len(self.fed)
        return {**super().step(inputs)} | ({"d_penalty": float(step)} if step % 3 == 0 else {})


def test_a_lazy_penalty_is_logged_as_it_was_last_computed_and_its_mean_is_of_the_steps_that_have_it() -> None:
    class Penalties(Told):
        def step_finished(self, step: int, scalars: Mapping[str, float] | None) -> None:
            super().step_finished(step, scalars)
            logged.extend([] if scalars is None else [scalars["d_penalty"]])

    logged: list[float] = []
    told, session = Penalties(), WithLazyPenalty(tiny_gan(), dict(tiny_gan().initial_state(0)))
    train_steps(session, fed_from(tiny_gan(), IMAGES), schedule(6, log=2), told)
    assert logged == [0.0, 3.0, 3.0]
    assert [means["d_penalty"] for _, means, _ in told.epochs()] == [0.0, 3.0]  # of steps 1 to 3 and 4 to 6


def test_a_run_gone_on_with_logs_a_lazy_penalty_as_it_was_computed_before() -> None:
    class Penalties(Told):
        def step_finished(self, step: int, scalars: Mapping[str, float] | None) -> None:
            logged.append(scalars)

        def save(self, step: int, scalars: Mapping[str, float]) -> None:
            saved[step] = scalars

    logged: list[Mapping[str, float] | None] = []
    saved: dict[int, Mapping[str, float]] = {}
    gan = tiny_gan()
    train_steps(
        WithLazyPenalty(gan, dict(gan.initial_state(0))), fed_from(gan, IMAGES), schedule(6, log=1), Penalties()
    )
    whole, logged = logged, []
    resumed = WithLazyPenalty(gan, dict(gan.initial_state(0)), first=4)
    train_steps(resumed, fed_from(gan, IMAGES), schedule(6, start=4, log=1), Penalties(), saved[4])
    assert [list((each or {}).items()) for each in logged] == [list((each or {}).items()) for each in whole[4:]]


def test_epochs_that_are_never_logged_have_means_too() -> None:
    """Three steps each; the last is not whole."""
    told = Told()
    train_steps(opened(tiny_gan()), fed_from(tiny_gan(), IMAGES), schedule(11, log=1000, checkpoint=1000), told)
    assert told.epochs() == [(number, {"d_loss": 1.5, "g_loss": 0.25}, 3) for number in (1, 2, 3)]


def test_a_run_gone_on_with_means_its_own_steps() -> None:
    told = Told()
    train_steps(opened(tiny_gan()), fed_from(tiny_gan(), IMAGES), schedule(6, start=2), told)
    assert [(epoch, steps) for epoch, _, steps in told.epochs()] == [(1, 1), (2, 3)]


def test_an_epoch_is_told_between_its_last_step_and_what_is_saved() -> None:
    told = Told()
    train_steps(opened(tiny_gan()), fed_from(tiny_gan(), IMAGES), schedule(3), told)
    assert [each[:2] for each in told.log[-3:]] == [("step", 3), ("epoch", 1), ("save", 3)]


def test_a_step_of_several_epochs_tells_the_last() -> None:
    gan, told = tiny_gan(discriminator=Player(updates=7)), Told()
    train_steps(opened(gan), fed_from(gan, IMAGES), schedule(3), told)
    assert [(epoch, steps) for epoch, _, steps in told.epochs()] == [(2, 1), (4, 1), (7, 1)]


def test_a_mean_may_be_nan() -> None:
    """What is neither logged nor saved is not refused."""
    told = Told()
    with pytest.raises(RunError, match="step 4"):
        train_steps(opened(tiny_gan(), diverges=2), fed_from(tiny_gan(), IMAGES), schedule(4, log=4), told)
    assert [(epoch, str(means["d_loss"])) for epoch, means, _ in told.epochs()] == [(1, "nan")]


# Divergence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("diverges", [0, 3, 6])
def test_divergence_is_refused_before_anything_is_saved(diverges: int) -> None:
    """From update `diverges` on, the loss is nan; each step has two."""
    told = Told()
    session = opened(tiny_gan(), diverges=diverges)
    named = r"step (3|4): d_loss = nan. Training has diverged.*rate.*another loss than 'bce'"
    with pytest.raises(RunError, match=named):
        train_steps(session, fed_from(tiny_gan(), IMAGES), schedule(20), told)
    assert told.saved() == []


def test_divergence_after_a_checkpoint_leaves_it() -> None:
    told = Told()
    with pytest.raises(RunError, match="step 6"):
        train_steps(opened(tiny_gan(), diverges=9), fed_from(tiny_gan(), IMAGES), schedule(20), told)
    assert told.saved() == [4]


def test_divergence_is_seen_where_a_checkpoint_is_due_between_logs() -> None:
    told = Told()
    with pytest.raises(RunError, match="step 4"):
        train_steps(opened(tiny_gan(), diverges=1), fed_from(tiny_gan(), IMAGES), schedule(20, log=100), told)
    assert told.saved() == []


BUSY = tiny_gan(
    average=Average(decay=0.9),
    discriminator=Player(updates=2),
    generator=Player(updates=3),
    targets=TargetChoice(flip=0.2, noise=0.1),
)
KEPT = replace(BUSY, protocol=changed(BUSY.protocol, keep_last=True))


@settings(max_examples=30)
@given(st.integers(1, 12), st.lists(st.integers(1, 12), max_size=3))
@pytest.mark.parametrize("gan", [BUSY, KEPT], ids=["busy", "kept"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(gan: Gan, stop: int, pauses: list[int]) -> None:
    """Bit for bit; every session but the first begins from nothing but the state and the number of steps done."""
    whole = opened(gan)
    train_steps(whole, fed_from(gan, IMAGES), schedule(stop), Told())
    state, done = gan.initial_state(0), 0
    for pause in [*sorted(pauses), stop]:
        session = opened(gan, state)
        done = train_steps(session, fed_from(gan, IMAGES), schedule(min(pause, stop), start=done), Told())
        state = session.state()
    assert done == stop
    assert states_equal(state, whole.state())


def test_the_stand_in_sees_a_single_wrong_step() -> None:
    """Otherwise the test above would say nothing."""
    whole, other = opened(BUSY), opened(BUSY)
    train_steps(whole, fed_from(BUSY, IMAGES), schedule(6), Told())
    train_steps(other, fed_from(BUSY, IMAGES), schedule(3), Told())
    train_steps(other, fed_from(BUSY, IMAGES), schedule(7, start=4), Told())
    assert not states_equal(whole.state(), other.state())
