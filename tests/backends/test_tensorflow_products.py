"""Large matrix products, whose gradients take another order: values, gradients, and gradients of gradients."""

from collections.abc import Callable

import pytest
from frameworks import need

tf = need("tensorflow")

from ganforge_tensorflow import cpu
from ganforge_tensorflow.cpu import product

A, B = (tf.random.stateless_normal(shape, (1, 2), dtype=tf.float64) for shape in ((5, 7), (7, 11)))


def derivatives(multiply: Callable[..., tf.Tensor]) -> list[tf.Tensor]:
    """The result, its gradients, and those of a penalty on both."""

    @tf.function(autograph=False)
    def traced(a: tf.Tensor, b: tf.Tensor) -> list[tf.Tensor]:
        result = multiply(a, b)
        first = tf.gradients(tf.tanh(result), [a, b])
        return [result, *first, *tf.gradients(sum(tf.reduce_sum(tf.square(each)) for each in first), [a, b])]

    return list(traced(A, B))


def test_results_and_gradients_of_both_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_LARGE", 0)
    for one, other in zip(derivatives(product), derivatives(tf.matmul), strict=True):
        tf.debugging.assert_near(one, other, rtol=1e-12, atol=1e-12)


def operations(multiply: Callable[..., tf.Tensor]) -> list[str]:
    """Of the gradient of `a`."""
    traced = tf.function(lambda a, b: tf.gradients(multiply(a, b), a), autograph=False)
    return [each.type for each in traced.get_concrete_function(A, B).graph.get_operations()]


def test_only_large_ones_take_the_other_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_LARGE", 5 * 7 * 11)
    assert "Transpose" not in operations(product)
    monkeypatch.setattr(cpu, "_LARGE", 5 * 7 * 11 - 1)
    assert "Transpose" in operations(product)
