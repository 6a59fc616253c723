"""Schedules: their values, what they count, and what of them is refused."""

from math import cos, isclose, pi, sqrt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganforge.errors import RecipeError
from ganforge.recipes.parsing import parse
from ganforge.spec.optimizers import SGD, Adam
from ganforge.spec.protocol import Average, PenaltyChoice, Player
from ganforge.spec.schedules import Schedule

LINEAR = Schedule(kind="linear", start=0.5, end=0.1, steps=4)
COSINE = Schedule(kind="cosine", start=2.0, end=0.0, steps=3, warmup=2)


def test_linear() -> None:
    assert [LINEAR.at(done) for done in range(7)] == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1], rel=1e-15)
    assert LINEAR.at(4) == 0.1


def test_cosine_after_a_warm_up() -> None:
    expected = [2 / 3, 4 / 3, 2.0, 1 + cos(pi / 3), 1 + cos(2 * pi / 3), 0.0, 0.0]
    assert [COSINE.at(done) for done in range(7)] == pytest.approx(expected, rel=1e-15)
    assert COSINE.at(5) == 0.0


@given(st.sampled_from([LINEAR, COSINE]), st.integers(1, 5), st.integers(0, 8))
def test_of_several_updates_in_a_step_the_first_has_the_number_of_the_step(
    schedule: Schedule, updates: int, step: int
) -> None:
    if step >= schedule.warmup:
        assert isclose(schedule.in_updates(updates).at(step * updates), schedule.at(step), rel_tol=1e-12, abs_tol=1e-15)


def test_a_players_schedules_count_steps() -> None:
    player = Player(updates=2, optimizer=SGD(learning_rate=LINEAR, weight_decay=0.5))
    rates = [0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.1]
    assert [player.scale(done).rate for done in range(10)] == pytest.approx(rates, rel=1e-15)
    assert [player.scale(done).shrink for done in range(10)] == pytest.approx([rate / 2 for rate in rates], rel=1e-15)


def test_weight_decay_is_by_the_rate_without_adams_corrections() -> None:
    """As in PyTorch's AdamW, with a rate that decays as well."""
    player = Player(optimizer=Adam(learning_rate=LINEAR, weight_decay=0.01, rate_decay=1.0))
    assert [player.scale(done).shrink for done in range(2)] == pytest.approx([0.5 * 0.01, 0.4 / 2 * 0.01], rel=1e-15)


@pytest.mark.parametrize("epsilon_hat", [False, True])
@pytest.mark.parametrize("updates", [1, 3])
def test_adams_correction_of_a_changing_beta2_is_by_the_product_of_all(updates: int, epsilon_hat: bool) -> None:
    """For gradients that are always 3, sqrt(v) / root is 3 in every update."""
    beta2 = Schedule(kind="linear", start=0.5, end=0.99, steps=20, warmup=3)
    player = Player(updates=updates, optimizer=Adam(learning_rate=0.1, beta2=beta2, epsilon_hat=epsilon_hat))
    v = 0.0
    for done in range(100):
        scale = player.scale(done)
        assert isclose(scale.kept, beta2.in_updates(updates).at(done), rel_tol=1e-15)
        assert scale.kept + scale.taken == 1.0
        v = scale.kept * v + scale.taken * 9
        root = scale.rate * (1 - 0.5 ** (done + 1)) / 0.1 if epsilon_hat else scale.root
        assert isclose(sqrt(v) / root, 3, rel_tol=1e-12)


def test_the_product_of_betas_neither_needs_the_updates_before_nor_remembers_them() -> None:
    optimizer = Adam(beta2=Schedule(kind="cosine", start=0.9, end=0.9999, steps=10**8))
    assert optimizer.scale(10**7).root == 1.0
    short = Adam(beta2=Schedule(kind="cosine", start=0.9, end=0.9999, steps=50))
    later = short.scale(400)
    fresh = Adam(beta2=Schedule(kind="cosine", start=0.9, end=0.9999, steps=50)).scale(400)
    assert later == fresh
    assert 0 < 1 - later.root < 0.5


def test_a_beta2_near_one_for_very_many_steps_takes_no_longer_than_the_updates_before() -> None:
    """Its product never vanishes."""
    beta2 = Schedule(kind="linear", start=1 - 1e-12, end=1 - 1e-13, steps=10**12)
    optimizer, product = Adam(beta2=beta2), 1.0
    for done in range(5000):
        product *= beta2.at(done)
        if done < 3 or done > 4090:
            assert optimizer.scale(done).root == sqrt(1 - product)


def test_a_lazy_penalty_is_part_of_every_so_many_th_update() -> None:
    scaled, plain = (PenaltyChoice(name="r1", weight=2.0, every=3, scaled=each) for each in (True, False))
    assert [scaled.weight_in(done, 1) for done in range(5)] == [6.0, None, None, 6.0, None]
    assert [plain.weight_in(done, 1) for done in range(5)] == [2.0, None, None, 2.0, None]
    assert (scaled.constant, plain.constant) == (6.0, 2.0)


def test_a_penaltys_schedule_counts_steps() -> None:
    choice = PenaltyChoice(name="r1", weight=LINEAR, every=2)
    assert choice.constant is None
    found = [choice.weight_in(done, 4) for done in range(0, 20, 2)]
    assert found == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.2], rel=1e-14)


def test_an_averages_decay_follows_its_schedule() -> None:
    average = Average(decay=LINEAR, warmup=False)
    assert [average.kept(done, 4) for done in (0, 2, 9)] == pytest.approx([0.5, 0.3, 0.1], rel=1e-15)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"generator": {"optimizer": {"learning_rate": {"kind": "linear", "start": 1, "end": -0.1, "steps": 9}}}},
         r"training.generator.optimizer.learning_rate.end must be a number >= 0"),
        ({"generator": {"optimizer": {"learning_rate": {"kind": "cosine", "start": 1, "end": 0, "steps": 0}}}},
         r"training.generator.optimizer.learning_rate.steps must be a whole number >= 1"),
        ({"generator": {"optimizer": {"learning_rate": {"kind": "linear", "start": 0, "end": 0, "steps": 5}}}},
         r"start and end are both 0; give one above 0, at training.generator.optimizer.learning_rate"),
        ({"generator": {"optimizer": {"learning_rate": {"kind": "cosin", "start": 1, "end": 0, "steps": 1}}}},
         r"unknown value 'cosin' at .*learning_rate.kind; did you mean 'cosine'"),
        ({"generator": {"optimizer": {"learning_rate": {"kind": "cosine", "start": 1, "steps": 1}}}},
         r"key 'end' is missing in \[training.generator.optimizer.learning_rate\]; it must be a number >= 0"),
        ({"generator": {"optimizer": {"learning_rate": -1.0}}}, r"optimizer.learning_rate must be a number > 0"),
        ({"generator": {"optimizer": {"learning_rate": "fast"}}}, r"must be a number or a table, not text"),
        ({"generator": {"optimizer": {"beta2": {"kind": "linear", "start": 0.9, "end": 1.0, "steps": 5}}}},
         r"beta2 must stay below 1; its schedule goes from 0.9 to 1, at training.generator.optimizer"),
        ({"average": {"decay": {"kind": "linear", "start": 1.5, "end": 0.9, "steps": 5}}},
         r"decay must stay below 1; .* at training.average"),
        ({"penalty": {"name": "r1", "weight": {"kind": "linear", "start": 1, "end": -1, "steps": 5}}},
         r"training.penalty.weight.end must be a number >= 0"),
        ({"penalty": {"name": "r1", "weight": 1, "every": 0}}, r"training.penalty.every must be a whole number >= 1"),
        ({"discriminator": {"clip_norm": 0}}, r"training.discriminator.clip_norm must be a number > 0"),
        ({"discriminator": {"optimizer": {"weight_decay": -1}}}, r"optimizer.weight_decay must be a number >= 0"),
    ],
    ids=str,
)  # fmt: skip
def test_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse({"name": "x", "training": given})


def test_a_recipe_holds_a_schedule_and_gives_it_back() -> None:
    table = {"kind": "cosine", "start": 2e-4, "end": 0.0, "steps": 1000, "warmup": 10}
    recipe = parse({"name": "x", "training": {"generator": {"optimizer": {"learning_rate": table}}}})
    rate = recipe.training.generator.optimizer.learning_rate
    assert rate == Schedule(kind="cosine", start=2e-4, end=0.0, steps=1000, warmup=10)
    assert msgspec.to_builtins(recipe)["training"]["generator"]["optimizer"]["learning_rate"] == table
