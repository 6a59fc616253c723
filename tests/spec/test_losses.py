"""Losses and penalties against the formulas of their papers, in probabilities and by hand, with a tiny NumPy `Ops`."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fakes import loss, penalty
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ganforge.spec.loss_library import LOSSES as SHIPPED
from ganforge.spec.losses import LossEntry, PenaltyEntry, Targets

Array = np.ndarray


class TinyOps:
    """`ganforge.spec.losses.Ops` as plainly as can be; the gradient is a central difference."""

    def mean(self, x: Array) -> Array:
        return np.mean(x)

    def sum_each(self, x: Array) -> Array:
        return x.reshape(len(x), -1).sum(axis=1)

    def square(self, x: Array) -> Array:
        return x**2

    def sqrt(self, x: Array) -> Array:
        return np.sqrt(x)

    def relu(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def softplus(self, x: Array) -> Array:
        return np.logaddexp(0, x)

    def log_softmax(self, x: Array) -> Array:
        return x - np.logaddexp.reduce(x, axis=-1, keepdims=True)

    def gradient(self, function: Callable[[Array], Array], at: Array) -> Array:
        found = np.zeros_like(at)
        for place in np.ndindex(at.shape):
            step = np.zeros_like(at)
            step[place] = 1e-5
            found[place] = (function(at + step).sum() - function(at - step).sum()) / 2e-5
        return found


OPS = TinyOps()
LOSSES = tuple(each for each in SHIPPED if isinstance(each, LossEntry))
PENALTIES = tuple(each for each in SHIPPED if isinstance(each, PenaltyEntry))
LABELS = np.eye(3)[[0, 1, 2, 2, 0]]
ENDS = Targets(np.ones((5, 1)), np.zeros((5, 1)), LABELS)
GOAL = Targets(np.ones((5, 1)), np.ones((5, 1)), LABELS)
STREAM = np.random.default_rng(4)
SCORES = STREAM.normal(0.0, 2, (5, 3))
"""Logits of three classes."""
REAL, FAKE = STREAM.normal(0.5, 2, (5, 1)), STREAM.normal(-0.5, 2, (5, 1))


def by_name(entry: LossEntry | PenaltyEntry) -> str:
    return entry.name


def logits(entry: LossEntry) -> tuple[Array, Array]:
    """Some for a loss of one logit, of two, or of one and three classes."""
    if entry.outputs == 1 and not entry.classifies:
        return REAL, FAKE
    if entry.classifies:
        return np.hstack([REAL, SCORES]), np.hstack([FAKE, SCORES[::-1]])
    return np.hstack([np.zeros_like(REAL), REAL]), np.hstack([np.zeros_like(FAKE), FAKE])


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def test_the_shipped_losses() -> None:
    assert [each.name for each in LOSSES] == [
        "bce",
        "softmax",
        "auxiliary-classifier",
        "least-squares",
        "hinge",
        "wasserstein",
        "relativistic",
        "relativistic-paired",
    ]
    assert [each.name for each in PENALTIES] == ["gradient", "zero-centered", "r1", "r2", "r1-r2"]


def discriminator(entry: LossEntry, targets: Targets = ENDS) -> tuple[float, float]:
    real, fake = entry.discriminator(OPS, *logits(entry), targets)
    return float(real), float(fake)


def generator(entry: LossEntry, targets: Targets = GOAL) -> float:
    real, fake = logits(entry)
    return float(entry.generator(OPS, real if entry.generator_sees_real else None, fake, targets))


def test_bce_is_the_papers_in_probabilities() -> None:
    expected = -np.log(sigmoid(REAL)).mean(), -np.log(1 - sigmoid(FAKE)).mean()
    assert discriminator(loss("bce")) == pytest.approx(expected)
    assert generator(loss("bce")) == pytest.approx(-np.log(sigmoid(FAKE)).mean())


def test_bce_towards_other_targets() -> None:
    towards = Targets(np.full((5, 1), 0.9), np.full((5, 1), 0.1))
    p, q = sigmoid(REAL), sigmoid(FAKE)
    expected = (
        -(0.9 * np.log(p) + 0.1 * np.log(1 - p)).mean(),
        -(0.1 * np.log(q) + 0.9 * np.log(1 - q)).mean(),
    )
    assert discriminator(loss("bce"), towards) == pytest.approx(expected)


def test_softmax_over_two_logits_is_bce_of_their_difference() -> None:
    towards = Targets(np.full((5, 1), 0.8), np.full((5, 1), 0.3))
    assert discriminator(loss("softmax"), towards) == pytest.approx(discriminator(loss("bce"), towards))
    assert generator(loss("softmax")) == pytest.approx(generator(loss("bce")))


def test_softmax_calls_the_second_logit_real() -> None:
    sure_of_real = np.array([[-20.0, 20.0]])
    targets = Targets(np.ones((1, 1)), np.zeros((1, 1)))
    real, fake = loss("softmax").discriminator(OPS, sure_of_real, sure_of_real, targets)
    assert real == pytest.approx(0, abs=1e-12)
    assert fake == pytest.approx(40)


def test_of_two_logits_the_log_odds_say_how_real_a_image_is() -> None:
    """As the one logit of cross entropy does: the sigmoid of either is the probability of "real"."""
    p = np.array([[0.9], [0.2]])
    logits = np.log(np.concatenate([1 - p, p], axis=1)) + np.array([[3.0], [-5.0]])
    assert sigmoid(loss("softmax").realness(logits)) == pytest.approx(p)
    np.testing.assert_array_equal(loss("bce").realness(REAL), REAL)


def test_an_auxiliary_classifier_adds_the_cross_entropy_of_the_class() -> None:
    def of_class(scores: Array) -> float:
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return float(-np.log(p[np.arange(5), LABELS.argmax(axis=1)]).mean())

    source = discriminator(loss("bce"))
    expected = source[0] + of_class(SCORES), source[1] + of_class(SCORES[::-1])
    assert discriminator(loss("auxiliary-classifier")) == pytest.approx(expected)
    assert generator(loss("auxiliary-classifier")) == pytest.approx(generator(loss("bce")) + of_class(SCORES[::-1]))
    assert loss("auxiliary-classifier").logits(3) == 4
    assert loss("softmax").logits(3) == 2


def test_least_squares() -> None:
    expected = 0.5 * ((REAL - 1) ** 2).mean(), 0.5 * (FAKE**2).mean()
    assert discriminator(loss("least-squares")) == pytest.approx(expected)
    assert generator(loss("least-squares")) == pytest.approx(0.5 * ((FAKE - 1) ** 2).mean())


def test_hinge() -> None:
    expected = np.maximum(0, 1 - REAL).mean(), np.maximum(0, 1 + FAKE).mean()
    assert discriminator(loss("hinge")) == pytest.approx(expected)
    assert generator(loss("hinge")) == pytest.approx(-FAKE.mean())


def test_wasserstein() -> None:
    assert discriminator(loss("wasserstein")) == pytest.approx((-REAL.mean(), FAKE.mean()))
    assert generator(loss("wasserstein")) == pytest.approx(-FAKE.mean())


def test_relativistic_average() -> None:
    real_above, fake_above = sigmoid(REAL - FAKE.mean()), sigmoid(FAKE - REAL.mean())
    expected = -0.5 * np.log(real_above).mean(), -0.5 * np.log(1 - fake_above).mean()
    assert discriminator(loss("relativistic")) == pytest.approx(expected)
    wanted = -0.5 * (np.log(1 - real_above).mean() + np.log(fake_above).mean())
    assert generator(loss("relativistic")) == pytest.approx(wanted)


def test_relativistic_pairs() -> None:
    assert sum(discriminator(loss("relativistic-paired"))) == pytest.approx(-np.log(sigmoid(REAL - FAKE)).mean())
    assert generator(loss("relativistic-paired")) == pytest.approx(-np.log(sigmoid(FAKE - REAL)).mean())


@pytest.mark.parametrize("entry", LOSSES, ids=by_name)
def test_uses_targets_is_true_where_targets_matter(entry: LossEntry) -> None:
    other = Targets(np.full((5, 1), 0.7), np.full((5, 1), 0.4), LABELS)
    assert (discriminator(entry) != discriminator(entry, other)) is entry.uses_targets
    assert (generator(entry) != generator(entry, other)) is entry.uses_targets


@pytest.mark.parametrize("entry", LOSSES, ids=by_name)
def test_shift_invariant_is_true_where_a_shift_does_not_matter(entry: LossEntry) -> None:
    real, fake = logits(entry)
    shift = np.eye(real.shape[1])[entry.outputs - 1] * 0.9  # of one logit, as a bias would
    before = sum(entry.discriminator(OPS, real, fake, ENDS))
    after = sum(entry.discriminator(OPS, real + shift, fake + shift, ENDS))
    assert bool(np.isclose(before, after, rtol=1e-12)) is entry.shift_invariant


@pytest.mark.parametrize("entry", LOSSES, ids=by_name)
def test_generator_sees_real_is_true_where_it_matters(entry: LossEntry) -> None:
    real, fake = logits(entry)
    if entry.generator_sees_real:
        assert entry.generator(OPS, real, fake, GOAL) != entry.generator(OPS, real + 0.5, fake, GOAL)
    else:
        assert np.isfinite(entry.generator(OPS, None, fake, GOAL))


@pytest.mark.parametrize("entry", LOSSES, ids=by_name)
def test_each_network_pulls_its_own_way(entry: LossEntry) -> None:
    """The discriminator wants real logits higher and fake ones lower; the generator wants fake ones higher.

    From a logit of 0.5, which lies between the targets of least squares.
    """
    width = entry.logits(3)
    real = fake = np.full((5, width), 0.5 * np.eye(width)[entry.outputs - 1])
    up = np.eye(width)[entry.outputs - 1] * 1e-4

    def judged(real: Array, fake: Array) -> float:
        return float(sum(entry.discriminator(OPS, real, fake, ENDS)))

    assert judged(real + up, fake) < judged(real, fake) < judged(real, fake + up)
    seen = real if entry.generator_sees_real else None
    assert entry.generator(OPS, seen, fake + up, GOAL) < entry.generator(OPS, seen, fake, GOAL)


@pytest.mark.parametrize("entry", LOSSES, ids=by_name)
@given(values=hnp.arrays(np.float64, (2, 3, 4), elements=st.floats(-1e6, 1e6)))
def test_finite_for_any_logits(entry: LossEntry, values: Array) -> None:
    real, fake = values[0, :, : entry.logits(3)], values[1, :, : entry.logits(3)]
    ends, goal = Targets(*np.array([1.0, 0.0])[:, None, None], np.eye(3)), Targets(*np.ones((2, 1, 1)), np.eye(3))
    terms = [*entry.discriminator(OPS, real, fake, ends)]
    terms.append(entry.generator(OPS, real if entry.generator_sees_real else None, fake, goal))
    assert np.isfinite(terms).all()


@pytest.mark.parametrize("entry", LOSSES, ids=by_name)
def test_means_over_the_batch(entry: LossEntry) -> None:
    """Twice the same batch costs what one costs."""
    real, fake = logits(entry)
    double = Targets(*(np.vstack([each, each]) for each in ENDS))
    again = entry.discriminator(OPS, np.vstack([real, real]), np.vstack([fake, fake]), double)
    assert [float(term) for term in again] == pytest.approx(discriminator(entry))


WEIGHTS = STREAM.normal(size=(2, 3, 1))


def critic(x: Array) -> Array:
    """A linear one: its gradient is WEIGHTS everywhere."""
    return (x * WEIGHTS).sum(axis=(1, 2, 3))[:, None]


def bowl(x: Array) -> Array:
    """Its gradient at x is x."""
    return 0.5 * (x**2).sum(axis=(1, 2, 3))[:, None]


IMAGES, FAKES, MIX = STREAM.normal(size=(4, 2, 3, 1)), STREAM.normal(size=(4, 2, 3, 1)), STREAM.random((4, 1, 1, 1))


def test_gradient_penalty_of_a_linear_critic() -> None:
    norm = np.sqrt((WEIGHTS**2).sum())
    assert penalty("gradient").penalty(OPS, critic, IMAGES, FAKES, MIX) == pytest.approx((norm - 1) ** 2)


def test_gradient_penalty_looks_between_real_and_fake() -> None:
    between = IMAGES * MIX + FAKES * (1 - MIX)
    norms = np.sqrt((between**2).sum(axis=(1, 2, 3)))
    found = penalty("gradient").penalty(OPS, bowl, IMAGES, FAKES, MIX)
    assert found == pytest.approx(((norms - 1) ** 2).mean(), rel=1e-6)


def test_gradient_penalty_where_the_critic_is_flat() -> None:
    flat = penalty("gradient").penalty(OPS, lambda x: 0 * bowl(x), IMAGES, FAKES, MIX)
    assert flat == pytest.approx(1, abs=1e-5)


def test_r1_looks_at_real_images() -> None:
    expected = 0.5 * (IMAGES**2).sum(axis=(1, 2, 3)).mean()
    assert penalty("r1").penalty(OPS, bowl, IMAGES, FAKES, MIX) == pytest.approx(expected, rel=1e-6)
    assert penalty("r1").penalty(OPS, critic, IMAGES, FAKES, MIX) == pytest.approx(0.5 * (WEIGHTS**2).sum())


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("zero-centered", [2.0**0.5 * (IMAGES * MIX + FAKES * (1 - MIX))]),
        ("r2", [FAKES]),
        ("r1-r2", [IMAGES, FAKES]),
    ],
)
def test_squared_slopes_at_other_places(name: str, places: list[Array]) -> None:
    expected = sum(0.5 * (each**2).sum(axis=(1, 2, 3)).mean() for each in places)
    assert penalty(name).penalty(OPS, bowl, IMAGES, FAKES, MIX) == pytest.approx(expected, rel=1e-6)


def test_entries_are_frozen() -> None:
    with pytest.raises(AttributeError):
        LOSSES[0].name = "other"  # type: ignore[misc]
    assert replace(LOSSES[0], name="other").name == "other"
