"""Layers that the reference has by kind, against numbers worked out by hand."""

import numpy as np
import pytest
from frameworks import need

from ganforge.errors import SpecError
from ganforge.spec.layers import (
    Attention,
    AvgPool,
    BatchNorm,
    ConditionalBatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    EmbedLabel,
    Gelu,
    GlobalPool,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LearnedConstant,
    MaxPool,
    MinibatchStd,
    PixelNorm,
    Prelu,
    ProjectLabel,
    Relu,
    Resample,
    Residual,
    Silu,
    Upsample,
)
from ganforge.spec.layers.contract import Layer
from ganforge.spec.layers.initializers import ZEROS
from ganforge.spec.network import Network, resolve
from ganforge.spec.parameters import initial, parameters

need("autograd")
from ganforge.testing.layers import Pass, forward
from ganforge.testing.semantics import Semantics


def made(layer: Layer, x, arrays=None, labels=None, key=None, classes=0, moving=False):
    """Output of one layer for `x`, and the pass."""
    x = np.asarray(x, float)
    nodes = resolve(Network(input=x.shape[1:], layers=(layer,), classes=classes))
    named = {f"{nodes[0].name}/{name}": np.asarray(value, float) for name, value in (arrays or {}).items()}
    run = Pass(arrays=named, labels=labels, key=key, semantics=Semantics(), moving=moving)
    return np.asarray(forward(nodes, x, run)), run


def image(*rows):
    """One image of one channel."""
    return np.array(rows, float)[None, :, :, None]


NINE = image([1, 2, 3], [4, 5, 6], [7, 8, 9])


def pixels(layer: Layer, x):
    return made(layer, x)[0][0, :, :, 0].tolist()


# Pooling -------------------------------------------------------------------------------------------------------------


def test_an_average_pool_leaves_out_what_does_not_fit_and_does_not_count_padding():
    assert pixels(AvgPool(), NINE) == [[3]]
    assert pixels(AvgPool(size=2, stride=1), NINE) == [[3, 4], [6, 7]]
    # 'same' adds a row below and a column on the right.
    assert pixels(AvgPool(padding="same"), NINE) == [[3, 4.5], [7.5, 9]]


def test_a_max_pool_never_takes_padding():
    assert pixels(MaxPool(), -NINE) == [[-1]]
    assert pixels(MaxPool(padding="same"), -NINE) == [[-1, -3], [-7, -9]]


def test_a_global_pool():
    assert made(GlobalPool(of="sum"), NINE)[0].tolist() == [[45]]
    assert made(GlobalPool(of="mean"), NINE)[0].tolist() == [[5]]


# Resizing ------------------------------------------------------------------------------------------------------------


def test_upsampling_to_the_nearest():
    x = image([1, 2, 3])
    assert pixels(Upsample(factor=2), x) == [[1, 1, 2, 2, 3, 3]] * 2
    # Places 0.3, 0.9, 1.5, 2.1 and 2.7 of three pixels.
    assert pixels(Upsample(size=(1, 5)), x) == [[1, 1, 2, 3, 3]]


def test_upsampling_in_proportion():
    x = image([1, 3])
    # Places -1/4, 1/4, 3/4, 5/4; those beyond the centres are the border's.
    assert pixels(Upsample(method="bilinear", factor=(1, 2)), x) == [[1, 1.5, 2.5, 3]]
    assert pixels(Upsample(method="bilinear", size=(2, 2)), image([1, 3])) == [[1, 3]] * 2


def test_resampling():
    x = image([4, 8, 4, 12])
    assert pixels(Resample(to="same"), x) == [[v / 2 for v in (4, 6, 7, 7)]]  # zeros above and below
    assert pixels(Resample(to="half"), x) == [[2, 3.5]]
    doubled = pixels(Resample(to="double"), x)
    assert doubled[0] == [4, 6, 8, 6, 4, 8, 12, 6]
    assert doubled[1] == [v / 2 for v in doubled[0]]  # half of it comes from beyond the border


def test_half_is_a_share_of_the_transpose_of_double():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(1, 6, 8, 2)), draw.normal(size=(1, 3, 4, 2))
    down, up = made(Resample(to="half"), x)[0], made(Resample(to="double"), y)[0]
    assert (down * y).sum() == pytest.approx((up * x).sum() / 4)


# Norms and activations -----------------------------------------------------------------------------------------------

PLAIN = {"epsilon": 4.0, "scale": False, "offset": False}


def test_a_layer_norm_goes_over_the_whole_example_and_scales_channels():
    # 1, 3, 5, 7: mean 4, variance 5; epsilon 4 makes the root 3.
    x = np.reshape([1.0, 3.0, 5.0, 7.0, 0.0, 0.0, 0.0, 0.0], (2, 1, 2, 2))
    y, _ = made(LayerNorm(epsilon=4.0), x, {"scale": [3, 6], "offset": [0, 1]})
    assert y[0].ravel().tolist() == [-3, -1, 1, 7]
    assert y[1].ravel().tolist() == [0, 1, 0, 1]
    assert made(LayerNorm(**PLAIN), [[1.0, 3.0, 5.0, 7.0]])[0].tolist() == [[-1, -1 / 3, 1 / 3, 1]]


def test_an_instance_norm_goes_over_the_pixels_of_a_channel_a_group_norm_over_neighbouring_channels():
    channels = np.array([[1.0, 3.0, 5.0, 7.0], [2.0, 2.0, 2.0, 2.0]])
    x = channels.T.reshape(1, 2, 2, 2)
    y, _ = made(InstanceNorm(**PLAIN), x)
    assert y[0, :, :, 0].ravel().tolist() == [-1, -1 / 3, 1 / 3, 1]
    assert not y[0, :, :, 1].any()
    assert np.array_equal(made(GroupNorm(groups=2, **PLAIN), x)[0], y)
    y, _ = made(GroupNorm(groups=2, **PLAIN), np.reshape([1.0, 7.0, 2.0, 2.0], (1, 1, 1, 4)))
    assert y.ravel() == pytest.approx([-3 / 13**0.5, 3 / 13**0.5, 0, 0])


def test_a_pixel_norm_makes_the_mean_square_of_channels_one():
    y, _ = made(PixelNorm(epsilon=0.5), np.reshape([3.0, 4.0, 0.0, 0.0], (1, 1, 2, 2)))
    assert y.ravel() == pytest.approx([3 / 13**0.5, 4 / 13**0.5, 0, 0])


def test_activations():
    x = np.array([[-1.0, 0.0, 2.0]])
    assert made(Gelu(), x)[0][0] == pytest.approx([-0.15865525393145707, 0, 1.9544997361036416], abs=1e-16)
    assert made(Silu(), x)[0][0] == pytest.approx([-1 / (1 + np.e), 0, 2 / (1 + np.exp(-2))])
    assert made(Prelu(), x, {"slope": [0.5, 1, 1]})[0].tolist() == [[-0.5, 0, 2]]


# Residual blocks -----------------------------------------------------------------------------------------------------


def test_a_residual_block_adds_its_shortcut_and_scales_its_layers():
    block = Residual(layers=(Relu(), AvgPool()), shortcut=(MaxPool(),), scale=0.5)
    y, run = made(block, image([-4, 2], [6, -8]))
    assert y.ravel().tolist() == [6 + 0.5 * 2]
    assert list(run.outputs) == [
        "00_residual/00_relu",
        "00_residual/01_avg_pool",
        "00_residual/shortcut/00_max_pool",
        "00_residual",
    ]


def test_branches_must_end_in_one_shape():
    for shortcut, message in (
        ((), r"must keep \(3, 3, 1\)"),
        ((GlobalPool(of="sum"),), r"its shortcut ends in \(1,\)"),
    ):
        with pytest.raises(SpecError, match=rf"00_residual: its inner layers end in \(1, 1, 1\), but {message}"):
            made(Residual(layers=(AvgPool(),), shortcut=shortcut), NINE)


def test_a_batch_norm_cancels_the_biases_of_both_branches():
    nodes = resolve(
        Network(
            input=(4, 4, 2),
            layers=(
                Residual(layers=(Conv(filters=3, kernel=3),), shortcut=(Conv(filters=3, kernel=1),), scale=0.5),
                BatchNorm(decay=0.9, epsilon=1e-3),
            ),
        )
    )
    zero = {each.name for each in parameters(nodes) if each.zero_gradient}
    assert zero == {"00_residual/00_conv/bias", "00_residual/shortcut/00_conv/bias"}


@pytest.mark.parametrize(
    ("between", "norm", "cancelled"),
    [
        ((), InstanceNorm(epsilon=1e-3), True),
        ((), GroupNorm(groups=4, epsilon=1e-3), True),
        ((), GroupNorm(groups=2, epsilon=1e-3), False),
        ((), LayerNorm(epsilon=1e-3), False),
        ((AvgPool(padding="same"), Upsample(factor=2)), BatchNorm(decay=0.9, epsilon=1e-3), True),
        ((MaxPool(), GlobalPool(of="sum")), BatchNorm(decay=0.9, epsilon=1e-3), True),
        ((Resample(to="half"),), BatchNorm(decay=0.9, epsilon=1e-3), False),  # of whose border a part is zeros
        ((Relu(),), BatchNorm(decay=0.9, epsilon=1e-3), False),
    ],
    ids=str,
)
def test_which_norms_cancel_a_bias(between, norm, cancelled):
    nodes = resolve(Network(input=(5, 5, 2), layers=(Conv(filters=4, kernel=3), *between, norm)))
    bias = next(each for each in parameters(nodes) if each.name == "00_conv/bias")
    assert bias.zero_gradient is cancelled
    # As the numbers have it: the output does not change when the bias does.
    drawn = {name.removeprefix("x/"): each for name, each in initial(parameters(nodes), seed=0, network="x").items()}
    x = np.random.default_rng(0).normal(size=(6, 5, 5, 2))
    outputs = [
        forward(nodes, x, Pass(arrays=drawn | {"00_conv/bias": np.array(b)}, labels=None, key=1, semantics=Semantics()))
        for b in ([0.0] * 4, [1.0, -2.0, 0.5, 3.0])
    ]
    assert np.allclose(*outputs, atol=1e-12) is cancelled


# Spectral norm and groups --------------------------------------------------------------------------------------------


def test_a_kernel_is_divided_by_its_largest_singular_value_and_u_turns_to_it():
    layer = Dense(units=2, bias=False, spectral_norm=True)
    arrays = {"kernel": [[3, 0], [0, 4]], "u": [0, 7], "sigma": [1]}
    y, run = made(layer, [[1.0, 1.0]], arrays, key=1, moving=True)
    assert y[0] == pytest.approx([0.75, 1])
    assert run.moved["00_dense/u"] == pytest.approx([0, 1])
    assert run.moved["00_dense/sigma"] == pytest.approx([4])
    # From [1, 1]: v = [3, 4] / 5, W v = [9, 16] / 5, u' = [9, 16] / sqrt(337), sigma = |W v|.
    y, run = made(layer, [[1.0, 1.0]], arrays | {"u": [1, 1]})
    assert y[0] == pytest.approx(np.array([3, 4]) / (337**0.5 / 5))
    assert not run.moved


def test_the_rows_of_a_transposed_kernel_are_its_outputs():
    # One input channel: the matrix is the kernel's two outputs by three places.
    kernel = np.reshape([1.0, 0, 0, 2, 0, 0], (3, 1, 2, 1))
    arrays = {"kernel": kernel, "u": [1.0, 1.0], "sigma": [1]}
    layer = ConvTranspose(filters=2, kernel=(3, 1), bias=False, spectral_norm=True)
    _, run = made(layer, image([1]), arrays, key=1, moving=True)
    v, rows = np.array([1, 2]) / 5**0.5, np.array([[1, 0], [0, 2]])
    assert run.moved["00_conv_transpose/sigma"] == pytest.approx([np.linalg.norm(rows @ v)])


def test_groups_of_channels_have_filters_of_their_own():
    x = np.reshape([1.0, 10.0], (1, 1, 1, 2))
    y, _ = made(Conv(filters=4, kernel=1, groups=2, bias=False), x, {"kernel": np.reshape([1, 2, 3, 4], (1, 1, 1, 4))})
    assert y.ravel().tolist() == [1, 2, 30, 40]
    kernel = np.reshape([1, 2, 3, 4], (1, 1, 2, 2))
    y, _ = made(ConvTranspose(filters=4, kernel=1, groups=2, bias=False), x, {"kernel": kernel})
    assert y.ravel().tolist() == [1, 3, 20, 40]


# Labels --------------------------------------------------------------------------------------------------------------


def test_a_conditional_batch_norm_takes_the_row_of_the_label():
    # 1, 3, 5, 7: mean 4, variance 5; epsilon 4 makes the root 3.
    layer = ConditionalBatchNorm(decay=0.9, epsilon=4.0)
    arrays = {"scale": [[3], [6]], "offset": [[0], [1]], "mean": [0], "variance": [1]}
    x = np.reshape([1.0, 3.0, 5.0, 7.0], (4, 1))
    y, run = made(layer, x, arrays, labels=np.array([0, 1, 1, 0]), key=1, classes=2)
    assert y.ravel() == pytest.approx([-3, -1, 3, 3])
    assert run.statistics["00_conditional_batch_norm"].variance.tolist() == [5]


def test_an_embedded_label_stands_behind_the_channels():
    y, _ = made(EmbedLabel(units=2), [[7.0], [8.0]], {"kernel": [[1, 2], [3, 4]]}, np.array([1, 0]), classes=2)
    assert y.tolist() == [[7, 3, 4], [8, 1, 2]]
    y, _ = made(EmbedLabel(units=1), np.full((1, 2, 1, 1), 7.0), {"kernel": [[1], [3]]}, np.array([1]), classes=2)
    assert y.tolist() == [[[[7, 3]], [[7, 3]]]]


def test_a_projected_label():
    y, _ = made(ProjectLabel(), [[1.0, 2.0]] * 2, {"kernel": [[1, 10], [2, 20]]}, np.array([1, 0]), classes=2)
    assert y.tolist() == [[50], [5]]


@pytest.mark.parametrize(
    "layer", [ConditionalBatchNorm(decay=0.9, epsilon=1e-3), EmbedLabel(units=1), ProjectLabel()], ids=str
)
def test_a_label_that_is_not_there_is_named(layer):
    with pytest.raises(SpecError, match="reads the label, but the network has no classes; set conditional = true"):
        made(layer, [[1.0]])


# Attention, constants, variety ---------------------------------------------------------------------------------------


def test_attention_adds_what_pixels_take_from_one_another():
    layer = Attention(ratio=1, value_ratio=1)
    one = np.ones((1, 1, 1, 1))
    kernels = {"query/kernel": one, "key/kernel": one, "value/kernel": 2 * one, "output/kernel": 3 * one}
    x = image([0, np.log(2)])
    # Shares of the first: 1/2, 1/2. Of the second, exp(log(2)^2) to 1.
    share = np.exp(np.log(2) ** 2) / (1 + np.exp(np.log(2) ** 2))
    y, _ = made(layer, x, kernels | {"gain": [0.5]})
    assert y.ravel() == pytest.approx([0.5 * 6 * np.log(2) / 2, np.log(2) + 0.5 * 6 * np.log(2) * share])
    assert made(layer, x, kernels | {"gain": [0]})[0].ravel().tolist() == x.ravel().tolist()


def test_a_constant_is_the_same_beside_every_example():
    y, _ = made(LearnedConstant(channels=1), np.zeros((2, 1, 2, 1)), {"value": np.reshape([1, 2], (1, 2, 1))})
    assert y.tolist() == [[[[0, 1], [0, 2]]]] * 2


def test_how_much_a_batch_varies():
    x = np.reshape([1.0, 0.0, 7.0, 0.0], (2, 1, 1, 2))  # deviations 3 and 0
    layer = MinibatchStd(decay=0.75, epsilon=16.0)
    y, run = made(layer, x, {"level": [1]}, key=1, moving=True)
    assert y[..., 2].ravel().tolist() == [4.5, 4.5]  # 5 and 4
    assert run.moved["00_minibatch_std/level"].tolist() == [0.75 + 0.25 * 4.5]
    assert made(layer, x, {"level": [1]})[0][..., 2].ravel().tolist() == [1, 1]


# What does not fit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (AvgPool(size=4), "00_avg_pool: a kernel of 4 does not fit into 3"),
        (MaxPool(size=0), "00_max_pool: kernel .* must be at least 1"),
        (MaxPool(size=2, padding=2), "00_max_pool: padding .* without a pixel"),
        (GroupNorm(groups=2, **PLAIN), "00_group_norm: 1 input channels do not fall into 2 groups of equal size"),
        (Conv(filters=4, kernel=1, groups=2), "00_conv: 1 input channels do not fall into 2 groups"),
        (Conv(filters=2, kernel=1, spectral_norm=True, kernel_init=ZEROS), "00_conv: spectral_norm divides by"),
        (Attention(), "00_attention: 1 channels cannot be divided by ratio = 8"),
        (Upsample(), "00_upsample needs a factor or a size"),
        (Upsample(factor=2, size=6), "00_upsample needs a factor or a size"),
        (Upsample(size=2), "00_upsample: 2x2 is smaller than its input, 3x3"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(layer, message):
    with pytest.raises(SpecError, match=message):
        made(layer, NINE)


def test_single_numbers_are_not_normalised():
    for layer, x in ((LayerNorm(**PLAIN), [[1.0]]), (InstanceNorm(**PLAIN), [[[[1.0, 2.0]]]])):
        with pytest.raises(SpecError, match="would normalise single numbers"):
            made(layer, x)


@pytest.mark.parametrize("layer", [AvgPool(), MaxPool(), GlobalPool(of="sum"), Upsample(factor=2), Resample(to="same")])
def test_a_vector_is_refused(layer):
    with pytest.raises(SpecError, match="needs an image"):
        made(layer, [[1.0, 2.0]])
