"""The measures of quality: worked by hand, against published figures, and against other programs on the same features.

What other programs want for features is made here: no image and no network is needed.
"""

import contextlib
import io
import math
from typing import Any

import numpy as np
import pytest
from frameworks import need
from referees import referee

from ganforge.errors import EvaluationError
from ganforge.evaluation import coverage, frechet_distance, kernel_distance, measure, mind, mmd2
from ganforge.evaluation.features import Features, check_features
from ganforge.evaluation.frechet import is_biased
from ganforge.evaluation.neighbours import radii
from ganforge.spec import random_streams

TOLERANCE = 1e-6


def features(count: int, dimension: int, seed: int = 0, shift: float = 0.0, scale: float = 1.0) -> Features:
    """Correlated, of unequal scales, a little skewed: as features of a network are."""
    draw = np.random.default_rng(seed)
    mix = np.random.default_rng(7).standard_normal((dimension, dimension)) / np.sqrt(dimension)
    plain = draw.standard_normal((count, dimension))
    return np.asarray(np.maximum(plain @ mix * scale + shift, -0.5) * np.linspace(0.2, 2, dimension))


# Worked by hand


def test_kernel_distance_by_hand() -> None:
    """One feature, x = (0, 1), y = (2, 3): k(0, 1) = 1, k(2, 3) = 343; across 1, 1, 27, 64."""
    x, y = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    assert mmd2(x, y) == pytest.approx(1 + 343 - 2 * (1 + 1 + 27 + 64) / 4)


def test_kernel_distance_is_unbiased_and_may_be_negative() -> None:
    found = [mmd2(features(20, 3, seed), features(20, 3, 1000 + seed)) for seed in range(400)]
    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_kernel_distance_takes_half_of_few_images_and_the_same_ones_each_time() -> None:
    x, y = features(30, 3), features(50, 3, 1)
    found = kernel_distance(x, y)
    assert (found.subsets, found.size) == (100, 15)
    assert found.deviation > 0
    assert kernel_distance(x, y) == found
    assert kernel_distance(x, y, seed=1) != found


def test_frechet_distance_by_hand() -> None:
    """In one dimension it is (m1 - m2)^2 + (s1 - s2)^2; here means 0 and 5, deviations 1 and 3 by N - 1."""
    x = np.array([[-1.0], [0.0], [1.0]])
    assert frechet_distance(x, 3 * x + 5) == pytest.approx(25 + 4)


def test_frechet_distance_of_a_turned_gaussian() -> None:
    """Covariances diag(a) and diag(b) commute: the sum of (sqrt a - sqrt b)^2."""
    x = np.concatenate([np.diag([1.0, 2.0, 3.0]), -np.diag([1.0, 2.0, 3.0])])
    y = x[:, [2, 0, 1]]
    scale = 2 / 5  # six rows, two of which hold each value, divided by N - 1
    assert frechet_distance(x, y) == pytest.approx(scale * ((1 - 3) ** 2 + (2 - 1) ** 2 + (3 - 2) ** 2))


def test_frechet_distance_of_a_set_to_itself_is_zero_though_its_covariance_is_singular() -> None:
    x = features(40, 200)
    assert abs(frechet_distance(x, x)) < 1e-12 * np.square(x).sum()


def test_frechet_distance_is_biased_for_few_images() -> None:
    few, many = (frechet_distance(features(n, 64), features(n, 64, 1)) for n in (40, 4000))
    assert few > 10 * many
    assert is_biased(100, 64) and not is_biased(128, 64)


def test_balls_by_hand() -> None:
    """Real ones at 0, 1, 3 with k = 1: radii 1, 1, 2. Generated ones at 0.5, 9, 9.25: radii 8.5, 0.25, 0.25."""
    real, made = np.array([[0.0], [1.0], [3.0]]), np.array([[0.5], [9.0], [9.25]])
    np.testing.assert_allclose(np.sqrt(radii(real, 1)), [1, 1, 2])
    found = coverage(real, made, k=1)
    assert found.precision == pytest.approx(1 / 3)  # 0.5 alone
    assert found.density == pytest.approx(2 / 3)  # 0.5 lies in the balls of 0 and of 1; 3 is 2.5 away
    assert found.coverage == pytest.approx(2 / 3)
    assert found.recall == 1  # the ball of 0.5 holds all


def test_balls_of_copies_have_no_size() -> None:
    """Rounding must not make two copies differ: |x|^2 - 2 x.y + |y|^2 of such rows is seldom 0."""
    one = features(4, 50) * 1e3
    assert not radii(np.concatenate([one, one, one]), 2).any()


def test_mind_by_hand() -> None:
    """In one dimension 3 mean((sort x - sort y)^2), the same for u = 1 and u = -1."""
    x, y = np.array([[3.0], [0.0], [1.0]]), np.array([[2.0], [5.0], [1.0]])
    assert mind(x, y, directions=7) == pytest.approx(3 * (1 + 1 + 4) / 3)


def test_mind_of_a_shift() -> None:
    """3 d mean((shift . u)^2), which is 3 |shift|^2 in the mean over directions."""
    x = features(50, 6)
    shift = np.array([1.0, 0, -2, 0, 0, 2])
    assert mind(x, x[::-1] + shift, directions=20_000) == pytest.approx(3 * 9, rel=0.03)


def test_mind_is_the_cost_of_moving_one_set_onto_the_other() -> None:
    """A second form, without sorting: along each direction the cheapest pairing of all that there are, by search."""
    scipy = need("scipy.optimize")
    x, y = features(30, 6), features(30, 6, 1, shift=0.3)
    total, directions = 0.0, 130
    for at in range(0, directions, 100):
        unit = random_streams.generator(5, "mind", at).standard_normal((6, min(100, directions - at)))
        for u in (unit / np.sqrt(np.square(unit).sum(axis=0))).T:
            costs = [[(sum(a * w for a, w in zip(p, u, strict=True)) - q @ u) ** 2 for q in y] for p in x]
            rows, columns = scipy.linear_sum_assignment(np.array(costs))
            total += math.fsum(costs[i][j] for i, j in zip(rows, columns, strict=True)) / 30
    assert mind(x, y, directions=directions, seed=5) == pytest.approx(3 * 6 * total / directions, rel=TOLERANCE)


# Published figures


@pytest.mark.slow
def test_the_figures_of_the_readme_of_prdc() -> None:
    """N(0, I), 10,000 x 1,000, k = 5: 0.4772, 0.4705, 1.0555, 0.9735, of unknown seeds.

    In so many dimensions the few images nearest to the middle lie in most of the balls, so that the density of one set
    is off by 0.06 (one standard deviation); `test_prdc_agrees` compares the same features.
    """
    draw = np.random.default_rng(0)
    found = coverage(draw.standard_normal((10_000, 1000)), draw.standard_normal((10_000, 1000)))
    assert (found.precision, found.recall) == pytest.approx((0.4772, 0.4705), abs=0.03)
    assert found.density == pytest.approx(1.0555, abs=0.2)
    assert found.coverage == pytest.approx(0.9735, abs=0.02)


# Other programs on the same features


@pytest.mark.parametrize(("count", "dimension"), [(900, 40), (300, 128)])
def test_prdc_agrees(count: int, dimension: int) -> None:
    prdc = need("prdc")
    real, made = features(count, dimension), features(count - 50, dimension, 1, shift=0.1, scale=0.9)
    with contextlib.redirect_stdout(io.StringIO()):
        given = prdc.compute_prdc(real, made, 5)
    found = coverage(real, made)
    assert {name: getattr(found, name) for name in given} == pytest.approx(given, rel=TOLERANCE)
    assert 0.05 < found.recall < 0.98 and 0.05 < found.precision < 0.98


def test_more_rows_than_a_block_are_the_same() -> None:
    prdc = need("prdc")
    real, made = features(2100, 12), features(2500, 12, 1, shift=0.2)
    with contextlib.redirect_stdout(io.StringIO()):
        given = prdc.compute_prdc(real, made, 3)
    found = coverage(real, made, k=3)
    assert {name: getattr(found, name) for name in given} == pytest.approx(given, rel=TOLERANCE)


@pytest.mark.parametrize(("count", "dimension"), [(2000, 64), (600, 128), (4000, 256)])
def test_torch_fidelity_agrees_on_the_frechet_distance(count: int, dimension: int) -> None:
    fid = referee("torch_fidelity.metric_fid")
    real, made = features(count, dimension), features(count + 10, dimension, 1, shift=0.1)
    first, second = ({"mu": x.mean(axis=0), "sigma": np.cov(x, rowvar=False)} for x in (real, made))
    given = fid.fid_statistics_to_metric(first, second, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(real, made) == pytest.approx(given, rel=TOLERANCE)


def test_torch_fidelity_agrees_on_the_kernel_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same subsets, drawn as it draws them; the mean and the deviation."""
    kid = referee("torch_fidelity.metric_kid")
    torch = need("torch")
    real, made = features(900, 64), features(1100, 64, 1, shift=0.1)
    given = kid.kid_features_to_metric(
        torch.from_numpy(real), torch.from_numpy(made), kid_subsets=20, kid_subset_size=300, verbose=False, rng_seed=5
    )
    draw = np.random.RandomState(5)
    monkeypatch.setattr("ganforge.evaluation.kernel.random_streams.generator", lambda *_: draw)
    found = kernel_distance(real, made, subsets=20, size=300)
    assert found.mean == pytest.approx(given["kernel_inception_distance_mean"], rel=TOLERANCE)
    assert found.deviation == pytest.approx(given["kernel_inception_distance_std"], rel=TOLERANCE)


def test_torch_fidelity_agrees_on_precision_and_recall() -> None:
    prc = referee("torch_fidelity.metric_prc")
    torch = need("torch")
    real, made = features(700, 24), features(700, 24, 1, shift=0.2)
    given = prc.prc_features_to_metric(
        torch.from_numpy(made), torch.from_numpy(real), prc_neighborhood=5, prc_batch_size=200, verbose=False
    )
    found = coverage(real, made)
    assert found.precision == pytest.approx(given["precision"], rel=TOLERANCE)
    assert found.recall == pytest.approx(given["recall"], rel=TOLERANCE)


@pytest.mark.filterwarnings("ignore")
def test_torchmetrics_agrees() -> None:
    """Its Frechet distance and its kernel distance by a module that hands its input on, in float64."""
    image = referee("torchmetrics.image")
    torch = need("torch")
    real, made = features(800, 32), features(800, 32, 1, shift=0.1)

    class Pass(torch.nn.Module):  # type: ignore[misc, name-defined]
        num_features = 32

        def forward(self, x: Any) -> Any:
            return x.reshape(len(x), -1)[:, :32].double()

    def fed(metric: Any) -> Any:
        for rows, is_real in ((real, True), (made, False)):
            metric.update(torch.from_numpy(rows).reshape(-1, 1, 1, 32), real=is_real)
        return metric.compute()

    frechet = fed(image.FrechetInceptionDistance(feature=Pass(), input_img_size=(1, 1, 32)).set_dtype(torch.float64))
    assert frechet_distance(real, made) == pytest.approx(float(frechet), rel=TOLERANCE)
    mean, _ = fed(image.KernelInceptionDistance(feature=Pass(), subsets=1, subset_size=800).set_dtype(torch.float64))
    assert mmd2(real, made) == pytest.approx(float(mean), rel=TOLERANCE)


# Bad input

GOOD = features(20, 3)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (np.where(np.arange(60).reshape(20, 3) == 7, np.nan, GOOD), "features of 1 image of 20 are NaN"),
        (np.where(np.arange(60).reshape(20, 3) > 55, np.inf, GOOD), "features of 2 images of 20 are NaN or infinite"),
        (GOOD[:1], "1 image, and this measure needs 6 or more"),
        (GOOD[:5], "5 images, and this measure needs 6"),
        (np.ones((20, 3)), "all 20 images have the same features"),
        (GOOD[:, :2], "3 features and the generated ones 2"),
        (GOOD.reshape(20, 3, 1), r"float64 \(20, 3, 1\), not numbers"),
        (np.array([["a"]]), "not numbers"),
    ],
)
def test_what_cannot_be_measured(bad: Any, says: str) -> None:
    with pytest.raises(EvaluationError, match=says):
        measure(GOOD, bad)


def test_bad_settings() -> None:
    with pytest.raises(EvaluationError, match="k = 1 or more, not 0"):
        coverage(GOOD, GOOD, k=0)
    with pytest.raises(EvaluationError, match="not 19 and 20"):
        mind(GOOD, GOOD[1:])
    with pytest.raises(EvaluationError, match="the real images: 1 image,"):
        frechet_distance(GOOD[:1], GOOD)


def test_whole_numbers_become_float64() -> None:
    assert check_features(np.arange(6).reshape(3, 2), "x").dtype == np.float64


def test_all_at_once_are_the_single_ones_and_the_same_each_time() -> None:
    x, y = features(60, 5), features(60, 5, 1)
    found = measure(x, y)
    assert found == measure(x, y)
    assert (found.kid, found.kid_deviation) == (kernel_distance(x, y).mean, kernel_distance(x, y).deviation)
    assert (found.frechet, found.mind) == (frechet_distance(x, y), mind(x, y))
    assert found.coverage == coverage(x, y).coverage
