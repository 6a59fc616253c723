"""Every layer of the reference against numbers worked out by hand."""

import numpy as np
import pytest
from frameworks import need

from ganforge.spec import random_streams
from ganforge.spec.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Elu,
    Flatten,
    JoinLabel,
    LeakyRelu,
    Relu,
    Reshape,
    Residual,
    Sigmoid,
    Tanh,
)
from ganforge.spec.layers.contract import Layer
from ganforge.spec.network import Network, resolve

need("autograd")
from ganforge.testing.layers import Pass, forward
from ganforge.testing.semantics import Semantics


def run(layer: Layer, x, arrays=None, labels=None, key=None, classes=0):
    """Output of one layer for `x`, and the pass."""
    x = np.asarray(x, float)
    nodes = resolve(Network(input=x.shape[1:], layers=(layer,), classes=classes))
    named = {f"{nodes[0].name}/{name}": np.asarray(value, float) for name, value in (arrays or {}).items()}
    made = Pass(arrays=named, labels=labels, key=key, semantics=Semantics())
    return np.asarray(forward(nodes, x, made)), made


NINE = np.arange(1.0, 10.0).reshape(1, 3, 3, 1)


def test_dense():
    y, _ = run(Dense(units=2), [[1, 2]], {"kernel": [[1, 2], [3, 4]], "bias": [10, 20]})
    assert y.tolist() == [[17, 30]]


def test_conv_is_a_correlation_with_zeros_at_the_right_sides():
    # Zeros above and to the right of 1..9; the kernel is not flipped: (0, 0) sees [0 0; 1 2].
    layer = Conv(filters=1, kernel=2, stride=1, padding=((1, 0), (0, 1)))
    y, _ = run(layer, NINE, {"kernel": np.reshape([1, 2, 3, 4], (2, 2, 1, 1)), "bias": [0]})
    assert y[0, :, :, 0].tolist() == [[11, 18, 9], [37, 47, 21], [67, 77, 33]]


def test_conv_stride_drops_what_does_not_fit():
    layer = Conv(filters=1, kernel=2, stride=2, padding="valid", bias=False)
    y, _ = run(layer, NINE, {"kernel": np.reshape([1, 2, 3, 4], (2, 2, 1, 1))})
    assert y[0, :, :, 0].tolist() == [[37]]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "sums"),
    [
        (4, 5, 2, [1 + 2 + 3 + 4, 2 + 3 + 4]),  # TensorFlow adds (1, 2): the first window starts at -1
        (4, 3, 2, [1 + 2 + 3, 3 + 4]),  # (0, 1)
        (3, 3, 2, [1 + 2, 2 + 3]),  # (1, 1)
    ],
)
def test_same_padding_puts_the_odd_zero_on_the_high_side(size, kernel, stride, sums):
    x = np.arange(1.0, size + 1).reshape(1, 1, size, 1)
    layer = Conv(filters=1, kernel=(1, kernel), stride=(1, stride), bias=False)
    y, _ = run(layer, x, {"kernel": np.ones((1, kernel, 1, 1))})
    assert y.ravel().tolist() == sums


def test_conv_kernel_is_height_width_in_out():
    x = np.reshape([1, 10], (1, 1, 1, 2))
    y, _ = run(Conv(filters=2, kernel=1, bias=False), x, {"kernel": np.reshape([1, 2, 3, 4], (1, 1, 2, 2))})
    assert y.ravel().tolist() == [31, 42]


def test_conv_transpose_crops_the_full_result_and_adds_the_bias_after():
    # Full result of [1 2] with kernel [1 2 3] and stride 2: 1, 2, 3 + 2, 4, 6; a row is cropped low, none high.
    x = np.reshape([1.0, 2.0], (1, 1, 2, 1))
    layer = ConvTranspose(filters=1, kernel=(1, 3), stride=(1, 2), padding=((0, 0), (1, 0)))
    y, _ = run(layer, x, {"kernel": np.reshape([1, 2, 3], (1, 3, 1, 1)), "bias": [100]})
    assert y.ravel().tolist() == [102, 105, 104, 106]


@pytest.mark.parametrize(
    ("kernel", "values"),
    [
        (5, [2, 3 + 2, 4 + 4, 5 + 6]),  # 'same' makes 4 of 7: one cropped low, two high
        (3, [1, 2, 3 + 2, 4]),  # 4 of 5: none low, one high
        (4, [2, 3 + 2, 4 + 4, 6]),  # 4 of 6: one on each side
    ],
)
def test_conv_transpose_same_crops_the_odd_row_on_the_high_side(kernel, values):
    x = np.reshape([1.0, 2.0], (1, 1, 2, 1))
    layer = ConvTranspose(filters=1, kernel=(1, kernel), stride=(1, 2), bias=False)
    y, _ = run(layer, x, {"kernel": np.arange(1.0, kernel + 1).reshape(1, kernel, 1, 1)})
    assert y.ravel().tolist() == values


def test_conv_transpose_kernel_is_height_width_out_in():
    x = np.reshape([1, 10], (1, 1, 1, 2))
    y, _ = run(ConvTranspose(filters=2, kernel=1, bias=False), x, {"kernel": np.reshape([1, 2, 3, 4], (1, 1, 2, 2))})
    assert y.ravel().tolist() == [21, 43]


def test_batch_norm_in_training_uses_the_biased_variance():
    # 1, 3, 5, 7: mean 4, biased variance 5; epsilon 4 makes the root 3.
    y, made = run(
        BatchNorm(decay=0.9, epsilon=4.0), np.reshape([1, 3, 5, 7], (4, 1)), {"scale": [6], "offset": [1]}, key=0
    )
    assert y.ravel().tolist() == [-5, -1, 3, 7]
    seen = made.statistics["00_batch_norm"]
    assert (seen.mean.tolist(), seen.variance.tolist(), seen.values) == ([4], [5], 4)


def test_batch_norm_counts_every_pixel():
    _, made = run(BatchNorm(decay=0.9, epsilon=1.0, scale=False, offset=False), np.ones((2, 3, 4, 5)), key=0)
    assert made.statistics["00_batch_norm"].values == 24


def test_batch_norm_by_running_values():
    layer = BatchNorm(decay=0.9, epsilon=1.0, scale=False, offset=False)
    y, made = run(layer, [[7.0]], {"mean": [1], "variance": [8]})
    assert y.tolist() == [[2]]
    assert not made.statistics


@pytest.mark.parametrize(
    ("layer", "values"),
    [
        (Relu(), [0, 0, 2]),
        (LeakyRelu(slope=0.1), [-0.1, 0, 2]),
        (Elu(alpha=2.0), [2 * (np.exp(-1) - 1), 0, 2]),
        (Tanh(), [-np.tanh(1), 0, np.tanh(2)]),
        (Sigmoid(), [1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-2))]),
    ],
)
def test_activations(layer, values):
    np.testing.assert_allclose(run(layer, [[-1, 0, 2]])[0][0], values, rtol=0, atol=1e-15)


def test_activations_far_out_neither_overflow_nor_lose_their_sign():
    far = [[-2000.0, 2000.0]]
    assert run(Elu(), far)[0].tolist() == [[-1, 2000]]
    assert run(Sigmoid(), far)[0].tolist() == [[0, 1]]


def test_dropout_drops_as_the_streams_say_and_lets_the_rest_grow():
    x = np.arange(1.0, 25.0).reshape(2, 2, 3, 2)
    y, _ = run(Dropout(rate=0.75), x, key=99)
    kept = random_streams.dropout_mask(99, 0, 24, 0.75)
    assert 0 < kept.sum() < 24
    assert y.ravel().tolist() == np.where(kept, 4 * x.ravel(), 0).tolist()
    assert run(Dropout(rate=0.75), x)[0].tolist() == x.tolist()


def test_reshape_and_flatten_go_pixel_by_pixel():
    x = np.arange(12.0).reshape(1, 2, 2, 3)
    assert run(Flatten(), x)[0].tolist() == [list(range(12))]
    assert run(Reshape(shape=(2, 2, 3)), np.arange(12.0)[None])[0][0, 1, 0].tolist() == [6, 7, 8]
    assert run(Reshape(shape=(1, 6, 2)), x)[0][0, 0, 1].tolist() == [2, 3]


def test_join_label():
    y, _ = run(JoinLabel(), [[7.0], [8.0]], labels=np.array([2, 0]), classes=3)
    assert y.tolist() == [[7, 0, 0, 1], [8, 1, 0, 0]]
    y, _ = run(JoinLabel(), np.full((1, 2, 1, 1), 7.0), labels=np.array([1]), classes=2)
    assert y.tolist() == [[[[7, 0, 1]], [[7, 0, 1]]]]


def test_residual_adds_its_input_and_leaves_every_inner_output():
    y, made = run(Residual(layers=(LeakyRelu(slope=0.5), Residual(layers=(Relu(),)))), [[-2.0, 4.0]])
    assert y.tolist() == [[-2 - 1 + 0, 4 + 4 + 4]]
    assert list(made.outputs) == [
        "00_residual/00_leaky_relu",
        "00_residual/01_residual/00_relu",
        "00_residual/01_residual",
        "00_residual",
    ]
