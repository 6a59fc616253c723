"""The operations of the JAX backend, and the traps that its own forms avoid: each is shown to be one."""

from typing import Any

import numpy as np
import pytest
from frameworks import need

from ganforge.backend import SingleProcess
from ganforge.spec import random_streams

jax = need("jax")

import jax.numpy as jnp
from ganforge_jax.ops import JaxOps

OPS = JaxOps(replicas=SingleProcess())


@pytest.fixture(autouse=True)
def _float64() -> Any:
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("key", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x12345678])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999])
def test_masks_are_those_of_the_streams(key: int, rate: float) -> None:
    for layer, shape in ((0, (1, 1)), (3, (7, 11, 13)), (40, (70, 1000))):
        found = np.asarray(OPS.dropout_mask(jnp.uint32(key), layer, shape, rate, (0,), jnp.ones(1)))
        assert np.array_equal(found.ravel(), random_streams.dropout_mask(key, layer, found.size, rate))
        assert found.shape == shape


def test_masks_of_parts_begin_where_they_are_told() -> None:
    whole = random_streams.dropout_mask(7, 2, 40, 0.3)
    found = np.asarray(OPS.dropout_mask(jnp.uint32(7), 2, (2, 5), 0.3, (10, 30), jnp.ones(1)))
    assert np.array_equal(found.ravel(), [*whole[10:15], *whole[30:35]])


def test_pass_keys_are_mixed_and_wrap_around() -> None:
    for key in (0, 0xFFFFFFFE, 0xFFFFFFFF):
        words = (key + np.arange(4, dtype=np.uint64)) & np.uint64(0xFFFFFFFF)
        assert [int(OPS.fold_in(jnp.uint32(key), number)) for number in range(4)] == random_streams.hash32(
            words
        ).tolist()


def test_softplus_and_its_derivatives_are_exact() -> None:
    x = np.concatenate([np.linspace(-60.0, 60.0, 4801), [-700.0, 700.0]])
    sigmoid = np.exp(-np.logaddexp(0.0, -x))
    slope = jax.jit(lambda at: OPS.gradient(OPS.softplus, at))
    assert np.abs(OPS.softplus(jnp.asarray(x)) - np.logaddexp(0.0, x)).max() < 1e-14
    assert np.abs(slope(x) - sigmoid).max() < 1e-14
    assert np.abs(jax.jit(lambda at: OPS.gradient(slope, at))(x) - sigmoid * (1.0 - sigmoid)).max() < 1e-14


def test_log_softmax_is_exact_far_from_zero() -> None:
    x = np.array([[1000.0, -1000.0], [3.0, 3.0], [-40.0, 0.0]])
    expected = x - np.logaddexp(x[:, :1], x[:, 1:])
    assert np.abs(OPS.log_softmax(jnp.asarray(x)) - expected).max() < 1e-13


def test_derivatives_at_the_corners_are_the_definition_s() -> None:
    at = jnp.zeros(1)
    assert OPS.gradient(lambda x: OPS.leaky_relu(x, 0.2), at) == 0.2
    assert jax.grad(lambda x: jax.nn.leaky_relu(x, 0.2).sum())(at) == 1.0
    assert OPS.gradient(OPS.relu, at) == 0.0
    assert OPS.gradient(lambda x: OPS.minimum(x, 0.0), at) == 1.0
    assert jax.grad(lambda x: jnp.minimum(x, 0.0).sum())(at) == 0.5


def test_what_is_not_a_number_stays_so() -> None:
    x = jnp.asarray([np.nan, -3.0, 3.0])
    assert np.array_equal(OPS.clip(x, -1.0, 1.0), [np.nan, -1.0, 1.0], equal_nan=True)
    assert np.array_equal(OPS.minimum(x, 0.0), [np.nan, -3.0, 0.0], equal_nan=True)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, jnp.float64])
def test_numbers_do_not_widen_what_they_meet(dtype: Any) -> None:
    x = jnp.ones((2, 3), dtype)
    for made in (OPS.leaky_relu(x, 0.2), OPS.minimum(x, 0.5), OPS.clip(x, -1.0, 1.0), OPS.where(x > 0, x, 0.0)):
        assert made.dtype == dtype
    assert OPS.ones((2,), x).dtype == OPS.one_hot(jnp.asarray([1, 5]), 3, x).dtype == dtype
    assert np.asarray(OPS.one_hot(jnp.asarray([1, 5]), 3, x), float).tolist() == [[0, 1, 0], [0, 0, 0]]
