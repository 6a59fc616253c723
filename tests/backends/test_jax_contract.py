"""JAX's own convolutions keep the contract too, and its own traps are caught. tests/parity has the rest."""

from functools import cache
from typing import Any

import pytest
from frameworks import need

need("autograd")
jax = need("jax")

from ganforge_jax import runtime
from ganforge_jax.ops import JaxOps

from ganforge.backend import FastForms, Precision
from ganforge.plugins.host import default_host
from ganforge.spec import BatchNorm
from ganforge.testing.backends import check_gan
from ganforge.testing.tiny_gans import TINY
from ganforge.training.backends import find_backend


@cache
def entry(name: str) -> Any:
    return find_backend(name, default_host())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kernel-5-even", "kernel-3-even", "odd-sizes", "paddings", "groups", "hinge-r1"])
def test_jax_s_own_convolutions_compute_it_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANFORGE_PLAIN", "1")
    assert [str(each) for each in check_gan(entry("jax"), name, TINY[name], "float64")] == []


# JAX's own traps, each of which a backend falls into by taking what is at hand ----------------------------------------


def findings(name: str, precision: Precision) -> str:
    return "\n".join(map(str, check_gan(entry("jax"), name, TINY[name], precision)))


@pytest.mark.slow
def test_a_transposed_convolution_by_same_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_same(self: Any, x: Any, kernel: Any, bias: Any, stride: Any, crop: Any, size: Any, groups: int = 1) -> Any:
        images = ("NHWC", "HWOI", "NHWC")
        found = jax.lax.conv_transpose(x, kernel, stride, "SAME", dimension_numbers=images)
        return found if bias is None else found + bias

    monkeypatch.setattr(JaxOps, "conv_transpose", by_same)
    assert "trap transposed-kernel-flipped," in findings("kernel-5-even", "float64")


@pytest.mark.slow
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
