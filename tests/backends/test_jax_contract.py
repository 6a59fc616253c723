"""JAX keeps the contract on every tiny GAN, and agrees with each other framework."""

from functools import cache, partial
from itertools import combinations
from typing import Any

import pytest
from frameworks import FRAMEWORKS, need

need("autograd")
jax = need("jax")

from ganforge_jax import runtime
from ganforge_jax.ops import JaxOps

from ganforge.backend import FastForms, Precision
from ganforge.parity import compare
from ganforge.plugins.host import default_host
from ganforge.spec import BatchNorm
from ganforge.testing.backends import check_gan
from ganforge.testing.tiny_gans import FLOAT64_ONLY, TINY, inputs, small_dcgan
from ganforge.training.backends import find_backend

PAIRS = [pytest.param(*pair, id="-".join(pair)) for pair in combinations((*FRAMEWORKS, "jax"), 2) if "jax" in pair]
FEW = ("labels", "residuals", "rmsprop")


@cache
def entry(name: str) -> Any:
    return find_backend(name, default_host())


@pytest.mark.parametrize("name", TINY)
def test_jax_computes_what_the_reference_computes(name: str) -> None:
    assert [str(each) for each in check_gan(entry("jax"), name, TINY[name], "float64")] == []


@pytest.mark.parametrize(
    "name",
    [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in TINY if name not in FLOAT64_ONLY],
)
def test_jax_computes_it_in_float32_too(name: str) -> None:
    assert [str(each) for each in check_gan(entry("jax"), name, TINY[name], "float32")] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_jax_s_own_convolutions_compute_it_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANFORGE_PLAIN", "1")
    assert [str(each) for each in check_gan(entry("jax"), name, TINY[name], "float64")] == []


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_run_goes_on_in_another_framework(one: str, other: str) -> None:
    """50 steps in one framework and 50 in the other are 100 in either, both ways round; and 20 steps keep in step."""
    gan = small_dcgan()
    report = compare(
        gan,
        entry(one),
        entry(other),
        inputs=partial(inputs, gan, 0),
        state=gan.initial_state(0),
        steps=100,
        lock_step=20,
    )
    assert report.ok, f"{report.first}"
    rows = {row.what: row for row in report.rows}
    for first, second in ((one, other), (other, one)):
        row = rows[f"50 steps in {first}, 50 more in {second}"]
        assert (row.verdict, row.tolerance) == ("holds", 1e-11)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_frameworks_agree_in_float32(one: str, other: str) -> None:
    gan = TINY["labels"]
    report = compare(
        gan,
        entry(one),
        entry(other),
        inputs=partial(inputs, gan, 0),
        state=gan.initial_state(0),
        precision="float32",
        steps=5,
        lock_step=10,
    )
    assert report.ok, f"{report.first}"


# JAX's own traps, each of which a backend falls into by taking what is at hand ----------------------------------------


def findings(name: str, precision: Precision) -> str:
    return "\n".join(map(str, check_gan(entry("jax"), name, TINY[name], precision)))


def test_a_transposed_convolution_by_same_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_same(self: Any, x: Any, kernel: Any, bias: Any, stride: Any, crop: Any, size: Any) -> Any:
        images = ("NHWC", "HWOI", "NHWC")
        found = jax.lax.conv_transpose(x, kernel, stride, "SAME", dimension_numbers=images)
        return found if bias is None else found + bias

    monkeypatch.setattr(JaxOps, "conv_transpose", by_same)
    assert "trap transposed-kernel-flipped," in findings("kernel-5-even", "float64")


def test_a_variance_by_squares_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_squares(node: Any, x: Any, run: Any) -> Any:
        if not run.training:
            return None
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axes)
        variance, count = (x * x).mean(axes) - mean * mean, x.size // x.shape[-1]
        if run.moving:
            node.layer.move(node, run, mean, variance * count / (count - 1))
        normal = (x - mean) * jax.lax.rsqrt(variance + node.layer.epsilon)
        scale, offset = run.array(node, "scale"), run.array(node, "offset")
        return normal * (1.0 if scale is None else scale) + (0.0 if offset is None else offset)

    monkeypatch.setattr(runtime, "FAST", FastForms(layers={BatchNorm: by_squares}))
    assert "trap variance-by-squares," in findings("far-mean", "float64")
